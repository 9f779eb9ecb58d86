{{/* What a pod needs so that `dsb chaos` can harm it: names and rules are those of bench/chaos/switches.py. */}}
{{- define "dsb.chaosEnv" -}}
DSB_NATS_URL: nats://127.0.0.1:4223
DSB_FAILPOINTS: "*=kill^/switches/{name}.kill;*=pause^/switches/{name}.pause;s2.answering=sleep:400?/switches/slow-s2"
DSB_CLOCK_FILE: /switches/clock-{{ .service }}
{{- end -}}

{{/* A service's way to the broker, a container beside it that can be cut. */}}
{{- define "dsb.chaosLink" -}}
{{- if .Values.credentials.tlsSecret }}
{{- fail "chaos.enabled=true goes without credentials.tlsSecret: the broker's certificate does not name the links between" }}
{{- end }}
{{- $url := include "dsb.natsUrl" . }}
{{- $port := include "dsb.port" (dict "of" $url "or" "4222") }}
- name: link
  image: {{ include "dsb.image" (dict "root" . "name" "bench" "digest" .Values.bench.digest) | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [python, -m, bench.chaos.links, "4223", {{ printf "%s:%s" (urlParse $url).hostname $port | quote }}, /switches]
  securityContext: {{ include "dsb.containerSecurity" . | nindent 4 }}
  {{- range list "startupProbe" "livenessProbe" "readinessProbe" }}
  {{ . }}:
    exec: {command: [bash, -c, ": </dev/tcp/127.0.0.1/4223"]}
    periodSeconds: {{ ternary 2 15 (eq . "startupProbe") }}
    timeoutSeconds: 5
    failureThreshold: {{ ternary 90 6 (eq . "startupProbe") }}
  {{- end }}
  resources:
    requests: {cpu: 10m, memory: 64Mi}
    limits: {memory: 512Mi}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: switches, mountPath: /switches}
{{- end -}}
