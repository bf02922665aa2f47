# One image, one process, one volume. Every package is checked against the lock's hashes.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
# The whole lock is downloaded and checked; the second step can install from nothing else, and
# takes of it only what running needs.
RUN pip download --quiet --require-hashes --only-binary :all: --dest /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
COPY agents_config ./agents_config
RUN python -m venv /opt/gateway \
 && /opt/gateway/bin/pip install --quiet --no-index --find-links /wheels '.[scale,otel]'

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin gateway \
 && install --directory --owner gateway --group gateway /data
COPY --from=build /opt/gateway /opt/gateway
WORKDIR /app
COPY agents_config ./agents_config
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8000 \
    GATEWAY_DATA_DIR=/data \
    GATEWAY_AGENTS_DIR=/app/agents_config
USER gateway
VOLUME /data
EXPOSE 8000
# SIGTERM drains: calls go on until they end, so give the container time (stop_grace_period).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['GATEWAY_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["gateway"]
CMD ["serve"]
