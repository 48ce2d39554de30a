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
{{- range $path := list "rocketchat.create_token_secret" "rocketchat.password_key" "rocketchat.service_account.auth_token" "rocketchat.service_account.password" "rocketchat.service_account.totp_secret" "sessions.encryption_key" "sessions.redis.password" "sessions.redis.sentinel.password" "filter.secret" }}
{{- $at := $config }}
{{- range splitList "." $path }}
{{- $at = ternary (get (default dict $at) .) "" (kindIs "map" $at) }}
{{- end }}
{{- if $at }}
{{- fail (printf "config.%s would stand readable in a ConfigMap: put it into the Secret of existingSecret and set %s_file" $path (last (splitList "." $path))) }}
{{- end }}
{{- end }}
{{- if contains "@" (dig "sessions" "redis" "url" "" $config | toString) }}
{{- fail "config.sessions.redis.url holds a password, which would stand readable in a ConfigMap: set sessions.redis.username and password_file" }}
{{- end }}
{{- range $values.extraEnv }}
{{- if has .name (list "GANTRY_LISTEN__ADDRESS" "GANTRY_ADMIN__ADDRESS" "GANTRY_SESSIONS__STORE" "GANTRY_SESSIONS__FILE__PATH") }}
{{- fail (printf "extraEnv must not set %s: the chart itself goes by it; addresses are the chart's, the store is set below config.sessions" .name) }}
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
