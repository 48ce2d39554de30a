# Gantry's image: the one program, linked statically, on a base of certificates and a user without rights, where nothing else can be run.
# Build: docker build --build-arg GANTRY_REVISION="$(git rev-parse HEAD)" -t rocketchat-gantry:0.1.0 .
# Both bases can be taken from elsewhere, such as a registry of your own.
ARG RUST=docker.io/library/rust:1.95-bookworm
ARG BASE=gcr.io/distroless/static-debian12:nonroot

FROM ${RUST} AS builder
WORKDIR /src
# The base has no C library. Cargo holds this to what is built for `--target`: its build scripts and macros run here and are linked as ever.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# Dependencies first, with empty sources: this layer is built anew only when a manifest or the lock file changes.
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY tests/lookalike/Cargo.toml tests/lookalike/
COPY tests/redis/Cargo.toml tests/redis/
COPY demo/Cargo.toml demo/
COPY bench/Cargo.toml bench/
COPY loadtest/Cargo.toml loadtest/
COPY fuzz/Cargo.toml fuzz/
RUN mkdir -p src tests/it tests/lookalike/src tests/redis/src demo/src bench/src loadtest/src fuzz/src \
    && touch src/lib.rs tests/lookalike/src/lib.rs tests/redis/src/lib.rs fuzz/src/lib.rs \
    && for main in src tests/it tests/lookalike/src demo/src bench/src loadtest/src; do echo 'fn main() {}' > "$main/main.rs"; done \
    && cp bench/src/main.rs bench/src/passthrough.rs \
    && cargo build --locked --release --target "$(uname -m)-unknown-linux-gnu" --package rocketchat-gantry --bin gantry \
    && rm -rf src target/*/release/gantry target/*/release/deps/*gantry* target/*/release/.fingerprint/rocketchat-gantry-*

ARG GANTRY_REVISION=unknown
COPY src src
RUN target="$(uname -m)-unknown-linux-gnu" \
    && GANTRY_REVISION="${GANTRY_REVISION}" \
       cargo build --locked --release --target "$target" --package rocketchat-gantry --bin gantry \
    && cp "target/$target/release/gantry" /gantry
# An empty directory, for `sessions.store: file`: a new volume over it takes its owner, and nobody else may look into it.
RUN mkdir --mode=0700 /sessions

FROM ${BASE}
ARG GANTRY_REVISION=unknown
ARG GANTRY_VERSION=0.1.0
LABEL org.opencontainers.image.title="Gantry" \
      org.opencontainers.image.description="Auth sidecar for Rocket.Chat: the host application's JWT in, a Rocket.Chat session out" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${GANTRY_VERSION}" \
      org.opencontainers.image.revision="${GANTRY_REVISION}"
COPY --from=builder /gantry /usr/local/bin/gantry
COPY --from=builder --chown=65532:65532 /sessions /var/lib/gantry
# The base's user `nonroot`, by number, so that a cluster can see that it is not root.
USER 65532:65532
# 8080 is the public listener. 9090, the admin listener, is bound to the container's loopback unless configured otherwise.
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/gantry", "healthcheck", "--config", "/etc/gantry/gantry.yaml"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/gantry"]
CMD ["run", "--config", "/etc/gantry/gantry.yaml"]
