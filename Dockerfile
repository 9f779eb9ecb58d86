# The images of the services and of the bench, a target each: docker build --target s1 -t dualstreambench/s1 .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
# An image with wheels in its root, offered to pip before any index; scratch: none.
ARG WHEELS_IMAGE=scratch

FROM ${WHEELS_IMAGE} AS wheels

# What all images share. Behind it they part by what they import, so that the reader and the router carry no torch.
FROM ${PYTHON_IMAGE} AS base
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1 \
    DSB_HEALTH_HOST=0.0.0.0 DSB_HEALTH_PORT=8080 DSB_LOG_FORMAT=json HF_HOME=/models
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp dsb \
 && python -m venv /opt/venv \
 && install -d -o dsb /data /runs /models /memory
LABEL org.opencontainers.image.licenses=MIT org.opencontainers.image.vendor=DualStreamBench
WORKDIR /src
COPY constraints.txt pyproject.toml ./
COPY deploy/requirements.py deploy/
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    python deploy/requirements.py otel | pip install -q --find-links /wheels -c constraints.txt -r /dev/stdin
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=90s --start-interval=1s --retries=6 \
    CMD ["python", "-m", "shared.health"]
ENTRYPOINT ["dsb"]

FROM base AS wheel
COPY LICENSE README.md ./
COPY bench bench
COPY dualstreambench dualstreambench
COPY services services
COPY shared shared
RUN --mount=type=cache,target=/root/.cache/pip pip wheel -q --no-deps -w /dist .

FROM base AS with-video
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    python deploy/requirements.py reader | pip install -q --find-links /wheels -c constraints.txt -r /dev/stdin

FROM base AS with-models
ARG TORCH_INDEX=
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    pip install -q ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} --find-links /wheels -c constraints.txt torch
# Extras of the project that some models want: "providers quant structured".
ARG MODEL_EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    python deploy/requirements.py vlm $MODEL_EXTRAS | pip install -q --find-links /wheels -c constraints.txt -r /dev/stdin
# Who loads a large model is not ready for long, and has not failed.
HEALTHCHECK --interval=5s --timeout=4s --start-period=30m --start-interval=1s --retries=6 \
    CMD ["python", "-m", "shared.health"]

FROM with-models AS with-memory
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    python deploy/requirements.py memory edge | pip install -q --find-links /wheels -c constraints.txt -r /dev/stdin

FROM with-memory AS with-all
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=bind,from=wheels,target=/wheels \
    python deploy/requirements.py bench | pip install -q --find-links /wheels -c constraints.txt -r /dev/stdin

FROM with-video AS reader
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install -q --no-deps /dist/*.whl
WORKDIR /tmp
ARG VERSION=dev
LABEL org.opencontainers.image.title="dualstreambench/reader" org.opencontainers.image.version=$VERSION
USER 10001
CMD ["serve", "reader"]

FROM base AS router
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install -q --no-deps /dist/*.whl
WORKDIR /tmp
ARG VERSION=dev
LABEL org.opencontainers.image.title="dualstreambench/router" org.opencontainers.image.version=$VERSION
USER 10001
CMD ["serve", "router"]

FROM with-models AS s1
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install -q --no-deps /dist/*.whl
WORKDIR /tmp
ARG VERSION=dev
LABEL org.opencontainers.image.title="dualstreambench/s1" org.opencontainers.image.version=$VERSION
USER 10001
CMD ["serve", "s1"]

FROM s1 AS s2
LABEL org.opencontainers.image.title="dualstreambench/s2"
CMD ["serve", "s2"]

FROM with-memory AS memory
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install -q --no-deps /dist/*.whl
WORKDIR /tmp
ARG VERSION=dev
LABEL org.opencontainers.image.title="dualstreambench/memory" org.opencontainers.image.version=$VERSION
USER 10001
CMD ["serve", "memory"]

FROM with-all AS bench
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist pip install -q --no-deps /dist/*.whl
HEALTHCHECK NONE
# Runs go to ./runs, which is the volume.
WORKDIR /
ARG VERSION=dev
LABEL org.opencontainers.image.title="dualstreambench/bench" org.opencontainers.image.version=$VERSION
USER 10001
CMD ["--help"]
