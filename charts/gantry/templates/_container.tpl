{{/*
Gantry's container, in pods of its own or in Rocket.Chat's. There names of ports and volumes must not meet Rocket.Chat's, and probes go
by number. The pod's rights are not ours there, so the container says its own.
*/}}
{{- define "gantry.container" -}}
{{- $sidecar := eq .Values.mode "sidecar" }}
{{- $prefix := ternary "gantry-" "" $sidecar }}
name: gantry
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if $sidecar }}
# An init container that stays: up before Rocket.Chat starts, and there until it has ended.
restartPolicy: Always
{{- end }}
args: [run, --config, /etc/gantry/gantry.yaml]
env:
  - name: GANTRY_LISTEN__ADDRESS
    value: "0.0.0.0:8080"
  # The kubelet and Prometheus come from outside the pod; the public Service does not lead here.
  - name: GANTRY_ADMIN__ADDRESS
    value: "0.0.0.0:9090"
  {{- if .Values.tls.existingSecret }}
  - name: GANTRY_LISTEN__TLS__CERTIFICATE_FILE
    value: /etc/gantry/tls/tls.crt
  - name: GANTRY_LISTEN__TLS__KEY_FILE
    value: /etc/gantry/tls/tls.key
  {{- end }}
  {{- if .Values.tls.clientCaSecret }}
  - name: GANTRY_LISTEN__TLS__CLIENT_CA_FILE
    value: /etc/gantry/clients/ca.crt
  {{- end }}
  {{- if $sidecar }}
  # Read by nobody: a changed configuration changes the pod, and so starts new ones.
  - name: CONFIGURATION_CHECKSUM
    value: {{ include "gantry.checksum" . }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: {{ ternary "gantry" "http" $sidecar }}
    containerPort: 8080
    protocol: TCP
  - name: {{ $prefix }}admin
    containerPort: 9090
    protocol: TCP
  {{- with include "gantry.grpcPort" . }}
  - name: {{ $prefix }}grpc
    containerPort: {{ . }}
    protocol: TCP
  {{- end }}
# A start may take two minutes, for a store that is read or a node that is busy, before liveness counts.
startupProbe:
  httpGet:
    path: /livez
    port: {{ ternary 9090 "admin" $sidecar }}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 60
# Live depends on nobody else; ready waits for the issuers' keys and Rocket.Chat, and says what is missing.
livenessProbe:
  httpGet:
    path: /livez
    port: {{ ternary 9090 "admin" $sidecar }}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ ternary 9090 "admin" $sidecar }}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- if $sidecar }}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
  {{- end }}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  {{- include "gantry.volumeMounts" . | nindent 2 }}
  {{- if eq (include "gantry.store" .) "file" }}
  - name: sessions
    mountPath: {{ include "gantry.storeDirectory" . }}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Where the configuration and the secrets are seen. Certificates are whole directories: a subPath never changes. */}}
{{- define "gantry.volumeMounts" -}}
{{- $prefix := ternary "gantry-" "" (eq .Values.mode "sidecar") -}}
- name: {{ $prefix }}config
  mountPath: /etc/gantry/gantry.yaml
  subPath: gantry.yaml
  readOnly: true
{{- if .Values.existingSecret }}
- name: {{ $prefix }}secrets
  mountPath: /etc/gantry/secrets
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: {{ $prefix }}tls
  mountPath: /etc/gantry/tls
  readOnly: true
{{- end }}
{{- if .Values.tls.clientCaSecret }}
- name: {{ $prefix }}clients
  mountPath: /etc/gantry/clients
  readOnly: true
{{- end }}
{{- end }}

{{/*
The volumes of the configuration and the secrets. In Rocket.Chat's pods the group that may read them is Rocket.Chat's business, and
only Gantry's container mounts them: so everybody in that container may read.
*/}}
{{- define "gantry.volumes" -}}
{{- $sidecar := eq .Values.mode "sidecar" }}
{{- $prefix := ternary "gantry-" "" $sidecar }}
{{- $mode := ternary "0444" "0440" $sidecar -}}
- name: {{ $prefix }}config
  configMap:
    name: {{ .Values.existingConfigMap | default (include "gantry.fullname" .) }}
{{- with .Values.existingSecret }}
- name: {{ $prefix }}secrets
  secret:
    secretName: {{ . }}
    defaultMode: {{ $mode }}
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: {{ $prefix }}tls
  secret:
    secretName: {{ . }}
    defaultMode: {{ $mode }}
{{- end }}
{{- with .Values.tls.clientCaSecret }}
- name: {{ $prefix }}clients
  secret:
    secretName: {{ . }}
    # The authorities alone: whoever checks clients needs no key of theirs.
    items:
      - key: ca.crt
        path: ca.crt
    defaultMode: {{ $mode }}
{{- end }}
{{- end }}
