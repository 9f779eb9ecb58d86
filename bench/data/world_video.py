"""Writing a scene as an ordinary video file, a picture at a time, however long it is."""

from __future__ import annotations

from pathlib import Path

from shared.video.synth import SIDE, Scene, render

__all__ = ["encode_video"]


def encode_video(scene: Scene, path: Path, *, fps: int = 8, crf: int = 23) -> None:
    """Write the scene as an H.264 file (libx264, 4:2:0) with a frame every 1/fps s of stream time."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "g": str(fps * 8), "threads": "1"}
        drawn, second = render(scene, 0.0), 0
        for i in range(round(scene.duration_s * fps)):
            if i // fps != second:
                second = i // fps
                drawn = render(scene, second)
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
