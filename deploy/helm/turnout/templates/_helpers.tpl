{{/* The components: their ports, and what each calls of the others. */}}
{{- define "turnout.components" -}}
router: {port: 50051, metrics: 9101, calls: [aggregator, feedback]}
aggregator: {port: 50052, metrics: 9102, calls: []}
feedback: {port: 50053, metrics: 9103, calls: [router]}
drift: {port: 50054, metrics: 9104, calls: []}
gateway: {port: 8080, metrics: 9105, calls: [router, aggregator, feedback, drift]}
{{- end }}

{{- define "turnout.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the longest suffix: names of Services have 63 characters at most. */}}
{{- define "turnout.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- else if contains (include "turnout.name" .) .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "turnout.name" .) | trunc 44 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects the pods of all components; a Deployment's selector can never be changed. */}}
{{- define "turnout.selector" -}}
app.kubernetes.io/name: {{ include "turnout.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "turnout.labels" -}}
{{ include "turnout.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: turnout
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "turnout.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* Longer than what a pod may take to end: the notice, calls in flight, four flushes, and Envoy or the last spans. */}}
{{- define "turnout.grace" -}}
{{- with .Values.drain }}
{{- add (ceil .noticeSeconds) (ceil .seconds) (mul 4 (ceil .flushSeconds)) 5 }}
{{- end }}
{{- end }}

{{/* How a pod's own server is asked for its health: [root, port]. Kubelet's gRPC probe speaks no TLS. */}}
{{- define "turnout.asked" -}}
{{- $root := index . 0 }}
{{- $port := index . 1 -}}
{{- if $root.Values.tls.secret -}}
exec:
  command:
    - python
    - -m
    - services.cli.healthy
    - "127.0.0.1:{{ $port }}"
    - --tls
    - --own
    {{- if $root.Values.tls.clients }}
    - --shown
    - /etc/turnout/tls/tls.crt
    - /etc/turnout/tls/tls.key
    {{- end }}
timeoutSeconds: 5
{{- else -}}
grpc:
  port: {{ $port }}
timeoutSeconds: 2
{{- end }}
{{- end }}

{{- define "turnout.secured" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{- define "turnout.podSecured" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Variables of a component whose values are in the Secret of access, under their own names, and whether each may
be missing there: [root, component]. */}}
{{- define "turnout.secrets" -}}
{{- if eq (index . 0).Values.access.mode "enforced" -}}
TURNOUT_ACCESS_SERVICE_TOKEN: false
TURNOUT_ACCESS_SERVICE_TOKEN_ALSO: true
TURNOUT_ACCESS_BOOTSTRAP_KEY: true
{{- end }}
{{- if eq (index . 1) "router" }}
TURNOUT_ROUTER_REDACTION_SECRET: true
{{- end }}
{{- end }}
