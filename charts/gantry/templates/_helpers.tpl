{{/* The chart's name. */}}
{{- define "gantry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of every object: the release's, with the chart's unless the release has it already. */}}
{{- define "gantry.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "gantry.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "gantry.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What finds the pods; never changes for a release. */}}
{{- define "gantry.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gantry.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What finds the pods that Gantry runs in. */}}
{{- define "gantry.podLabels" -}}
{{- if ne .Values.mode "sidecar" }}
{{- include "gantry.selectorLabels" . }}
{{- else if .Values.sidecar.selector }}
{{- toYaml .Values.sidecar.selector }}
{{- else -}}
app.kubernetes.io/name: rocketchat
app.kubernetes.io/instance: {{ .Values.sidecar.release }}
{{- end }}
{{- end }}

{{/* What every object carries. */}}
{{- define "gantry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "gantry.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What finds the pod of `helm test`, and no pod of Gantry's. */}}
{{- define "gantry.testLabels" -}}
app.kubernetes.io/name: {{ include "gantry.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The pods' service account. */}}
{{- define "gantry.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "gantry.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Where sessions are kept, as the configuration says. */}}
{{- define "gantry.store" -}}
{{- dig "sessions" "store" "memory" .Values.config }}
{{- end }}

{{/* The directory of the file store. */}}
{{- define "gantry.storeDirectory" -}}
{{- dir (dig "sessions" "file" "path" "/var/lib/gantry/sessions.redb" .Values.config) }}
{{- end }}

{{/* The host that browsers see. */}}
{{- define "gantry.host" -}}
{{- get (urlParse .Values.config.listen.public_url) "hostname" }}
{{- end }}

{{/* The port of the gRPC filter; empty when it is off. */}}
{{- define "gantry.grpcPort" -}}
{{- $filter := dig "filter" dict .Values.config }}
{{- if and $filter.enabled $filter.grpc_address }}
{{- regexFind "[0-9]+$" $filter.grpc_address }}
{{- end }}
{{- end }}

{{/* The value at a dotted path of the configuration, empty when it is not there: a dict with `config` and `path`. */}}
{{- define "gantry.configured" -}}
{{- $at := .config }}
{{- range splitList "." .path }}
{{- $at = ternary (get (default dict $at) .) "" (kindIs "map" $at) }}
{{- end }}
{{- $at }}
{{- end }}

{{/* The seconds of a duration as the configuration has them, such as 25s or 1m 30s; rounded up. */}}
{{- define "gantry.seconds" -}}
{{- $milliseconds := 0 }}
{{- range regexFindAll "[0-9]+ ?[a-z]+" . -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $factor := 0 }}
{{- if has $unit (list "ms" "msec" "millis") }}{{- $factor = 1 }}
{{- else if has $unit (list "s" "sec" "secs" "second" "seconds") }}{{- $factor = 1000 }}
{{- else if has $unit (list "m" "min" "mins" "minute" "minutes") }}{{- $factor = 60000 }}
{{- else if has $unit (list "h" "hr" "hrs" "hour" "hours") }}{{- $factor = 3600000 }}
{{- else }}
{{- fail (printf "%q is no duration that the chart can read: write it in ms, s, m or h" $) }}
{{- end }}
{{- $milliseconds = add $milliseconds (mul (regexFind "[0-9]+" . | int64) $factor) }}
{{- end }}
{{- div (add $milliseconds 999) 1000 }}
{{- end }}

{{/* How long a drain of Gantry may take, in seconds. */}}
{{- define "gantry.drainSeconds" -}}
{{- $timeout := include "gantry.configured" (dict "config" .Values.config "path" "listen.drain.timeout") }}
{{- include "gantry.seconds" (default "25s" $timeout) }}
{{- end }}

{{/* The time a pod has to stop: the drain, and some seconds for Gantry to end by itself before it is killed. */}}
{{- define "gantry.gracePeriod" -}}
{{- if eq (toString .Values.terminationGracePeriodSeconds) "" }}
{{- add (include "gantry.drainSeconds" .) 5 }}
{{- else }}
{{- .Values.terminationGracePeriodSeconds }}
{{- end }}
{{- end }}

{{/* Whether the public listener speaks TLS; empty when it does not. */}}
{{- define "gantry.tls" -}}
{{- if or .Values.tls.existingSecret (include "gantry.configured" (dict "config" .Values.config "path" "listen.tls.certificate_file")) }}yes{{- end }}
{{- end }}

{{/* Changes when the configuration does; a ConfigMap that is not the chart's cannot be watched. */}}
{{- define "gantry.checksum" -}}
{{- .Values.existingConfigMap | default (toYaml .Values.config) | sha256sum }}
{{- end }}
