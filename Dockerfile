# syntax=docker/dockerfile:1
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts
COPY src ./src
RUN npm run prepack && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
# A container has its own network: on a loopback address, neither the kubelet, nor Prometheus, nor the clients of published ports
# could reach the API and the admin port. On 0.0.0.0 the API requires auth; publish the admin port only to monitoring systems.
ENV NODE_ENV=production \
    ONRAMP_HOST=0.0.0.0 \
    ONRAMP_ADMIN_HOST=0.0.0.0 \
    ONRAMP_REQUIRE_AUTH=true
WORKDIR /app
# Any user can read these files and no user writes them: OpenShift runs the process under an arbitrary UID.
COPY --from=build --chown=0:0 /app/node_modules ./node_modules
COPY --from=build --chown=0:0 /app/dist ./dist
COPY --chown=0:0 package.json openapi.yaml openapi-compat.yaml ./
COPY --chown=0:0 schemas ./schemas
USER 10001
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:8081/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["start"]
