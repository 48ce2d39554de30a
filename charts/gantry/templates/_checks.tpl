{{/* Values that contradict each other: each ends the rendering with what to change. */}}
{{- define "gantry.checks" -}}
{{- $values := .Values }}
{{- $config := .Values.config }}
{{- $store := include "gantry.store" . }}
{{- if not $values.existingConfigMap }}
{{- if not $config.listen.public_url }}
{{- fail "config.listen.public_url is required: what browsers see in front of Gantry" }}
{{- end }}
{{- if not $config.issuers }}
{{- fail "config.issuers needs at least one issuer: who signs JWTs" }}
{{- end }}
{{- if not (dig "rocketchat" "url" "" $config) }}
{{- fail "config.rocketchat.url is required: where Gantry reaches Rocket.Chat" }}
{{- end }}
{{- if not (or $values.extraEnv $values.extraEnvFrom) }}
{{- if and (ne $store "memory") (not (dig "sessions" "encryption_key_file" "" $config)) }}
{{- fail (printf "config.sessions.store: %s seals auth tokens: set config.sessions.encryption_key_file to a file of existingSecret" $store) }}
{{- end }}
{{- if and (eq $store "redis") (not (or (dig "sessions" "redis" "url" "" $config) (dig "sessions" "redis" "nodes" "" $config) (dig "sessions" "redis" "sentinel" "nodes" "" $config))) }}
{{- fail "config.sessions.store: redis without a server: set config.sessions.redis.url, nodes or sentinel.nodes" }}
{{- end }}
{{- if and (dig "filter" "enabled" false $config) (not (dig "filter" "secret_file" "" $config)) }}
{{- fail "config.filter.enabled without a secret: set config.filter.secret_file to a file of existingSecret" }}
{{- end }}
{{- end }}
{{- if and (contains "/etc/gantry/secrets/" (toJson $config)) (not $values.existingSecret) }}
{{- fail "config names files below /etc/gantry/secrets: set existingSecret to the Secret that holds them" }}
{{- end }}
{{- end }}
{{- range $index, $issuer := $config.issuers }}
{{- if and (has "HS256" (default list $issuer.algorithms)) (not $issuer.secret_file) }}
{{- fail (printf "config.issuers[%d] allows HS256 without a secret: set secret_file, or take HS256 out of algorithms" $index) }}
{{- end }}
{{- if $issuer.secret }}
{{- fail (printf "config.issuers[%d].secret would stand readable in a ConfigMap: put it into the Secret of existingSecret and set secret_file" $index) }}
{{- end }}
{{- end }}
{{- range $path := list "admin.token" "rocketchat.create_token_secret" "rocketchat.password_key" "rocketchat.service_account.auth_token" "rocketchat.service_account.password" "rocketchat.service_account.totp_secret" "sessions.encryption_key" "sessions.redis.password" "sessions.redis.sentinel.password" "filter.secret" }}
{{- if include "gantry.configured" (dict "config" $config "path" $path) }}
{{- fail (printf "config.%s would stand readable in a ConfigMap: put it into the Secret of existingSecret and set %s_file" $path (last (splitList "." $path))) }}
{{- end }}
{{- end }}
{{- if contains "@" (dig "sessions" "redis" "url" "" $config | toString) }}
{{- fail "config.sessions.redis.url holds a password, which would stand readable in a ConfigMap: set sessions.redis.username and password_file" }}
{{- end }}
{{- $grpc := dig "filter" "grpc_address" "" $config | toString }}
{{- if and $grpc (dig "filter" "enabled" false $config) }}
{{- if regexMatch "^(127\\.|\\[::1\\])" $grpc }}
{{- fail (printf "config.filter.grpc_address: %s is heard inside the pod only: set 0.0.0.0 and its port" $grpc) }}
{{- end }}
{{- if has (include "gantry.grpcPort" .) (list "8080" "9090") }}
{{- fail (printf "config.filter.grpc_address: %s takes a port of the pod's own listeners: choose another than 8080 and 9090" $grpc) }}
{{- end }}
{{- end }}
{{- if and $values.tls.existingSecret (include "gantry.configured" (dict "config" $config "path" "listen.tls.certificate_file")) }}
{{- fail "tls.existingSecret and config.listen.tls.certificate_file name two certificates: leave certificate_file and key_file out of config" }}
{{- end }}
{{- if and $values.tls.clientCaSecret (not (include "gantry.tls" .)) }}
{{- fail "tls.clientCaSecret asks clients for certificates, which needs TLS: set tls.existingSecret, too" }}
{{- end }}
{{- if and (ne $store "file") $values.persistence.existingClaim }}
{{- fail (printf "persistence.existingClaim holds no sessions with a %s store: set config.sessions.store: file, or leave it out" $store) }}
{{- end }}
{{- if and $values.serviceMonitor.enabled $values.networkPolicy.enabled (not $values.networkPolicy.scrapers) }}
{{- fail "serviceMonitor asks Prometheus to scrape what networkPolicy keeps it from: name it in networkPolicy.scrapers" }}
{{- end }}
{{- if and (eq $values.mode "gateway") (lt (int (include "gantry.gracePeriod" .)) (int (include "gantry.drainSeconds" .))) }}
{{- fail (printf "terminationGracePeriodSeconds: %s kills Gantry before config.listen.drain.timeout, %s s, is over: raise the one or lower the other" (include "gantry.gracePeriod" .) (include "gantry.drainSeconds" .)) }}
{{- end }}
{{- if eq $values.mode "sidecar" }}
{{- include "gantry.sidecarChecks" . }}
{{- else if or $values.sidecar.release $values.sidecar.selector }}
{{- fail "sidecar says which pods are Rocket.Chat's, but mode is gateway: set mode: sidecar, or leave sidecar out" }}
{{- end }}
{{- range $values.extraEnv }}
{{- if has .name (list "GANTRY_LISTEN__ADDRESS" "GANTRY_ADMIN__ADDRESS") }}
{{- fail (printf "extraEnv must not set %s: addresses are the chart's own" .name) }}
{{- end }}
{{- if has .name (list "GANTRY_SESSIONS__STORE" "GANTRY_SESSIONS__FILE__PATH" "GANTRY_FILTER__ENABLED" "GANTRY_FILTER__GRPC_ADDRESS" "GANTRY_LISTEN__DRAIN__TIMEOUT") }}
{{- fail (printf "extraEnv must not set %s: the chart itself goes by it, so set %s" .name (printf "config.%s" (.name | trimPrefix "GANTRY_" | lower | replace "__" "."))) }}
{{- end }}
{{- end }}
{{- if ne $store "redis" }}
{{- if $values.autoscaling.enabled }}
{{- fail (printf "autoscaling needs config.sessions.store: redis, because pods do not share a %s store" $store) }}
{{- end }}
{{- if gt (int $values.replicas) 1 }}
{{- fail (printf "replicas: %d needs config.sessions.store: redis, because pods do not share a %s store" (int $values.replicas) $store) }}
{{- end }}
{{- end }}
{{- if $values.autoscaling.enabled }}
{{- if gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas: raise the one or lower the other" }}
{{- end }}
{{- if not (or $values.autoscaling.cpu $values.autoscaling.websockets) }}
{{- fail "autoscaling goes by nothing: set autoscaling.cpu or autoscaling.websockets" }}
{{- end }}
{{- end }}
{{- if and $values.ingress.enabled $values.httpRoute.enabled }}
{{- fail "ingress and httpRoute are both enabled and would lead the same host here twice: choose one" }}
{{- end }}
{{- if and $values.ingress.enabled (not (or $values.ingress.host (include "gantry.host" .))) }}
{{- fail "ingress has no host: set ingress.host or config.listen.public_url" }}
{{- end }}
{{- if $values.httpRoute.enabled }}
{{- if not $values.httpRoute.parentRefs }}
{{- fail "httpRoute.parentRefs needs at least one Gateway that the route hangs on" }}
{{- end }}
{{- if not (or $values.httpRoute.hostnames (include "gantry.host" .)) }}
{{- fail "httpRoute has no host: set httpRoute.hostnames or config.listen.public_url" }}
{{- end }}
{{- end }}
{{- with $values.podDisruptionBudget }}
{{- if .enabled }}
{{- $min := toString .minAvailable }}
{{- $max := toString .maxUnavailable }}
{{- $pods := int (ternary $values.autoscaling.minReplicas $values.replicas $values.autoscaling.enabled) }}
{{- if eq (empty $min) (empty $max) }}
{{- fail "podDisruptionBudget needs exactly one of minAvailable and maxUnavailable: set the other to \"\"" }}
{{- end }}
{{- if lt $pods 2 }}
{{- fail "podDisruptionBudget needs at least two pods: with one it forbids every drain of its node, or nothing" }}
{{- end }}
{{- if or (has $max (list "0" "0%")) (eq $min "100%") (and (regexMatch "^[0-9]+$" $min) (ge (int $min) $pods)) }}
{{- fail (printf "podDisruptionBudget forbids every drain of a node: let at least one of %d pods go" $pods) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* In sidecar mode the pods are Rocket.Chat's: what only a pod of Gantry's own can do is refused. */}}
{{- define "gantry.sidecarChecks" -}}
{{- $values := .Values }}
{{- if not (or $values.sidecar.release $values.sidecar.selector) }}
{{- fail "mode: sidecar needs to know Rocket.Chat's pods: set sidecar.release to the release of Rocket.Chat's chart, or sidecar.selector to the pods' labels" }}
{{- end }}
{{- if semverCompare "<1.29.0-0" .Capabilities.KubeVersion.Version }}
{{- fail (printf "mode: sidecar needs Kubernetes 1.29 or later, which lets init containers stay; this is %s: set mode: gateway" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if not $values.existingConfigMap }}
{{- $upstream := get (urlParse $values.config.rocketchat.url) "hostname" }}
{{- if not (or (eq $upstream "localhost") (hasPrefix "127." $upstream) (has $upstream (list "::1" "[::1]"))) }}
{{- fail (printf "mode: sidecar puts Gantry beside Rocket.Chat, but config.rocketchat.url leads to %s: set it to http://127.0.0.1:3000" $upstream) }}
{{- end }}
{{- end }}
{{- if eq (include "gantry.store" .) "file" }}
{{- fail "mode: sidecar cannot keep sessions in a file, because two of Rocket.Chat's pods live at once while they are replaced: set config.sessions.store: redis" }}
{{- end }}
{{- range $name, $kind := dict "ingress" "an Ingress" "httpRoute" "an HTTPRoute" }}
{{- if (get $values $name).enabled }}
{{- fail (printf "%s.enabled with mode: sidecar: Rocket.Chat's chart leads the host to its own port 3000, and %s of this chart would stand beside that. Set %s.enabled: false, turn Rocket.Chat's off, and lead the host to the Service %s, port %v, with %s of your own, such as one in extraObjects; or set mode: gateway" $name $kind $name (include "gantry.fullname" $) $values.service.port $kind) }}
{{- end }}
{{- end }}
{{- $theirs := dict "autoscaling" $values.autoscaling.enabled "podDisruptionBudget" $values.podDisruptionBudget.enabled "terminationGracePeriodSeconds" (ne (toString $values.terminationGracePeriodSeconds) "") }}
{{- range list "podAnnotations" "podLabels" "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "extraContainers" "extraInitContainers" }}
{{- $_ := set $theirs . (get $values .) }}
{{- end }}
{{- range $name, $given := $theirs }}
{{- if $given }}
{{- fail (printf "%s does nothing with mode: sidecar, because the pods are Rocket.Chat's: leave it out, and say it to Rocket.Chat's chart" $name) }}
{{- end }}
{{- end }}
{{- end }}
