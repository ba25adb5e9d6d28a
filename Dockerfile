# SPDX-License-Identifier: Apache-2.0
# The images of docker-compose.yml, a target each: agent, streams, connect.

FROM eclipse-temurin:25.0.3_9-jdk AS build
WORKDIR /build
COPY mvnw pom.xml LICENSE ./
COPY .mvn .mvn
COPY schemas schemas
COPY agent agent
COPY streams streams
COPY sinks sinks
COPY standalone standalone
COPY benchmarks/pom.xml benchmarks/pom.xml
RUN ./mvnw -B -q -Dmaven.test.skip=true -pl standalone -am package
# The worker's class path is Kafka's alone: the sink comes by plugin.path, with its own libraries.
RUN mkdir -p /connect/lib /connect/plugins \
 && cp standalone/target/lib/*.jar /connect/lib/ \
 && rm /connect/lib/auditbus-*.jar /connect/lib/rocksdbjni-*.jar /connect/lib/kafka-streams-*.jar \
 && cd /connect/plugins && jar xf /build/sinks/target/auditbus-auditbus-sinks-*.zip

FROM eclipse-temurin:25.0.3_9-jre AS runtime
# The directories are the user's before a volume is mounted there: a new named volume takes that over.
RUN groupadd --gid 10001 auditbus \
 && useradd --uid 10001 --gid auditbus --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin auditbus \
 && install -d -o auditbus -g auditbus -m 0750 /var/lib/auditbus /var/lib/auditbus/collected
COPY docker/auditbus docker/rest /usr/local/bin/
USER 10001:10001
WORKDIR /var/lib/auditbus
ENTRYPOINT ["auditbus"]

FROM runtime AS agent
COPY --from=build /build/agent/target/auditbus-agent.jar /opt/auditbus/agent/
COPY --from=build /build/agent/target/lib /opt/auditbus/agent/lib
CMD ["agent", "run"]

FROM runtime AS streams
COPY --from=build /build/streams/target/auditbus-streams.jar /opt/auditbus/streams/
COPY --from=build /build/streams/target/lib /opt/auditbus/streams/lib
CMD ["streams", "run"]

FROM runtime AS connect
COPY --from=build /connect /opt/auditbus/connect
CMD ["connect", "/etc/auditbus/connect-worker.properties"]
