# Two stages: the first has torch and builds the index, the second only serves it.
#
#   docker build -t qa-service .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 qa-service
#
# Its root stays read-only. Votes and the figures of each day (QA_STATE_DIR) need a folder that the user in it may write:
#
#   mkdir -p state && docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 \
#     --user "$(id -u):$(id -g)" -v "$PWD/state:/state" -e QA_STATE_DIR=/state qa-service
#
# PIP_ARGS chooses a package index, as in the Makefile.

FROM python:3.11-slim AS build
ARG PIP_ARGS=""
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY qa_service qa_service
COPY scripts scripts
COPY data data
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir $PIP_ARGS -c requirements.lock '.[build]'
RUN HF_HUB_OFFLINE=1 /opt/build/bin/python scripts/build_index.py data --index /opt/index && rm -r /opt/index/.embeddings
RUN python -m venv /opt/serve && /opt/serve/bin/pip install --no-cache-dir $PIP_ARGS -c requirements.lock .

FROM python:3.11-slim
COPY --from=build /opt/serve /opt/serve
COPY --from=build /opt/index /opt/index
ENV QA_INDEX_DIR=/opt/index PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
  CMD ["/opt/serve/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["/opt/serve/bin/qa", "serve", "--host", "0.0.0.0"]
