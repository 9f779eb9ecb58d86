{{- define "dsb.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels of every object; with `component`, of its own. */}}
{{- define "dsb.labels" -}}
{{ include "dsb.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- end -}}

{{- define "dsb.selector" -}}
app.kubernetes.io/name: dualstreambench
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "dsb.image" -}}
{{- $digest := .digest | default "" -}}
{{- if $digest -}}
{{ printf "%s/%s@%s" .root.Values.image.repository .name $digest }}
{{- else -}}
{{ printf "%s/%s:%s" .root.Values.image.repository .name (.root.Values.image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- define "dsb.natsUrl" -}}
{{- if .Values.nats.enabled -}}
{{ ternary "tls" "nats" (ne .Values.credentials.tlsSecret "") }}://{{ include "dsb.name" . }}-nats:4222
{{- else -}}
{{ required "nats.enabled is false: give external.natsUrl" .Values.external.natsUrl }}
{{- end -}}
{{- end -}}

{{/* Empty: the memory service keeps its notes itself. */}}
{{- define "dsb.qdrantUrl" -}}
{{- if .Values.qdrant.enabled -}}
http://{{ include "dsb.name" . }}-qdrant:6333
{{- else -}}
{{ .Values.external.qdrantUrl }}
{{- end -}}
{{- end -}}

{{- define "dsb.secret" -}}
{{ .Values.credentials.existingSecret | default (printf "%s-nats" (include "dsb.name" .)) }}
{{- end -}}

{{/*
The environment of a process of ours that logs in to the broker as `user`: what the chart says of all (`own` of this one), what
busEnv says, and what `env` says; the last word counts, so that no name is there twice.
*/}}
{{- define "dsb.env" -}}
{{- /* Pods start in any order: one that finds no broker waits for it. */ -}}
{{- $all := dict "DSB_NATS_URL" (include "dsb.natsUrl" .root) "DSB_NATS_USER" .user "DSB_CONNECT_TIMEOUT_S" "3600" -}}
{{- with .root.Values.tracing.endpoint }}{{ $_ := set $all "OTEL_EXPORTER_OTLP_ENDPOINT" . }}{{ end -}}
{{- if .root.Values.credentials.nkeysSecret }}{{ $_ := set $all "DSB_NATS_NKEY_SEED_FILE" "/etc/dsb/own.seed" }}{{ end -}}
{{- if .root.Values.credentials.tlsSecret -}}
{{- range $key, $file := dict "CA" "ca.pem" "CERT" "own.pem" "KEY" "own.key" -}}
{{- $_ := set $all (printf "DSB_NATS_TLS_%s" $key) (printf "/etc/dsb/%s" $file) -}}
{{- end -}}
{{- end -}}
{{- range list .own .root.Values.busEnv .env }}{{ range $key, $value := . }}{{ $_ := set $all $key $value }}{{ end }}{{ end -}}
{{- range $key, $value := $all }}
- name: {{ $key }}
  {{- /* JSON writes a large number in full, where Go would write 1e+09. */}}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- if not .root.Values.credentials.nkeysSecret }}
- name: DSB_NATS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "dsb.secret" .root }}
      key: NATS_PW_{{ upper .user }}
{{- end }}
{{- end -}}

{{/* The port of an address, else `or`. */}}
{{- define "dsb.port" -}}
{{ regexFind ":[0-9]+$" (urlParse .of).host | trimPrefix ":" | default .or }}
{{- end -}}

{{/* Certificate and nkey of `user`: of the Secrets that hold everybody's, a pod sees its own. Empty without both. */}}
{{- define "dsb.keysMount" -}}
{{- if or .Values.credentials.tlsSecret .Values.credentials.nkeysSecret }}
- {name: keys, mountPath: /etc/dsb, readOnly: true}
{{- end }}
{{- end -}}

{{- define "dsb.keysVolume" -}}
{{- $of := .root.Values.credentials -}}
{{- $seed := and $of.nkeysSecret (ne .user "server") -}}
{{- if or $of.tlsSecret $seed }}
- name: keys
  projected:
    defaultMode: 288
    sources:
{{- if $of.tlsSecret }}
      - secret:
          name: {{ $of.tlsSecret }}
          items:
            - {key: ca.pem, path: ca.pem}
            - {key: {{ .user }}.pem, path: own.pem}
            - {key: {{ .user }}.key, path: own.key}
{{- end }}
{{- if $seed }}
      - secret:
          name: {{ $of.nkeysSecret }}
          items:
            - {key: {{ .user }}.seed, path: own.seed}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dsb.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
# A volume that is ours already is not gone through file by file at each start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "dsb.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "dsb.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ include "dsb.name" . }}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* A claim; deleted with the release unless `keep` is set. Not one of a StatefulSet's own, which would outlive it. */}}
{{- define "dsb.claim" -}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "dsb.name" .root }}-{{ .name }}
  labels: {{ include "dsb.labels" (dict "root" .root) | nindent 4 }}
{{- if .of.keep }}
  annotations: {helm.sh/resource-policy: keep}
{{- end }}
spec:
  accessModes: {{ .of.accessModes | default (list "ReadWriteOnce") | toYaml | nindent 4 }}
{{- with .of.storageClass }}
  storageClassName: {{ . | quote }}
{{- end }}
  resources: {requests: {storage: {{ .of.size }}}}
{{ end -}}

{{/* A volume of storage.<name>. */}}
{{- define "dsb.volume" -}}
{{- $of := index .root.Values.storage .name -}}
- name: {{ .name }}
{{- if $of.existingClaim }}
  persistentVolumeClaim: {claimName: {{ $of.existingClaim }}}
{{- else if $of.enabled }}
  persistentVolumeClaim: {claimName: {{ include "dsb.name" .root }}-{{ .name }}}
{{- else }}
  emptyDir: {}
{{- end }}
{{- end -}}

{{/*
Where the videos are on a claim that one node at a time can mount, reader and bench run on one node: the first of them
anywhere, the others beside it. Empty otherwise.
*/}}
{{- define "dsb.besideVideos" -}}
{{- $of := .Values.storage.data -}}
{{- if and (or $of.enabled $of.existingClaim) (not (has "ReadWriteMany" $of.accessModes)) -}}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {{ include "dsb.selector" (dict "root" .) | nindent 10 }}
        matchExpressions:
          - {key: app.kubernetes.io/component, operator: In, values: [bench, reader]}
{{- end -}}
{{- end -}}

{{/* What places a pod. */}}
{{- define "dsb.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Requests and limits, with the GPUs asked for. */}}
{{- define "dsb.resources" -}}
{{- $made := deepCopy .resources -}}
{{- with .gpu -}}
{{- if gt (int .count) 0 -}}
{{- $_ := set $made "limits" (merge (dict .resource (int .count)) ($made.limits | default dict)) -}}
{{- end -}}
{{- end -}}
{{ toYaml $made }}
{{- end -}}

{{/* Four fifths of a size like 10Gi, in bytes. */}}
{{- define "dsb.fourFifths" -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{ mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[KMGT]i$" .)) 0.8 | int64 }}
{{- end -}}
