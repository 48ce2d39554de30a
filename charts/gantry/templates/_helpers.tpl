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

{{/* What every object carries. */}}
{{- define "gantry.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "gantry.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
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
