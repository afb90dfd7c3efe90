# One image for every service; the command says which: `python -m services.router`.
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml hatch_build.py README.md ./
RUN python -m venv /opt/turnout && /opt/turnout/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY protos protos
COPY gen/.gitkeep gen/.gitkeep
COPY services services
RUN /opt/turnout/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/turnout --create-home turnout \
    && install -d -o turnout /var/lib/turnout/spool
COPY --from=build /opt/turnout /opt/turnout
ENV PATH=/opt/turnout/bin:$PATH PYTHONUNBUFFERED=1
USER turnout
WORKDIR /var/lib/turnout
# Each service has its own port; health is asked by the services that depend on it.
CMD ["python", "-m", "services.router"]
