# One image for every service; the command says which: `python -m services.router`. It has what a service needs at
# run time and no more: neither pip nor compilers, and nothing of the tests (deploy/image/runtime.lock).
#
# The base is named by tag. Name the one that you have looked at:
#   docker build --build-arg BASE=python:3.12-slim-bookworm@sha256:… -t turnout .
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY deploy/image/build.lock deploy/image/runtime.lock deploy/image/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r deploy/image/build.lock \
    && python -m venv --without-pip /opt/turnout \
    && pip --python /opt/turnout/bin/python install --require-hashes --only-binary :all: -r deploy/image/runtime.lock
# What changes with every commit comes last: the layers above stay.
COPY pyproject.toml hatch_build.py README.md ./
COPY gen/.gitkeep gen/.gitkeep
COPY protos protos
COPY services services
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/turnout/bin/python install --no-deps --no-index dist/turnout-*.whl

FROM ${BASE}
# By number, so that Kubernetes can see that it is not root.
RUN install -d -o 10001 -g 10001 /var/lib/turnout/spool
COPY --from=build /opt/turnout /opt/turnout
# Bytecode was written when the packages were installed; at run time the file system is read-only.
ENV PATH=/opt/turnout/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001:10001
WORKDIR /var/lib/turnout
VOLUME /var/lib/turnout/spool
EXPOSE 50051 50052 50053 50054 8080 9101 9102 9103 9104 9105
STOPSIGNAL SIGTERM
# Whichever service this container runs: one of these ports is its.
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-m", "services.cli.healthy", "127.0.0.1:50051", "127.0.0.1:50052", "127.0.0.1:50053", "127.0.0.1:50054", "127.0.0.1:8080"]
CMD ["python", "-m", "services.router"]
