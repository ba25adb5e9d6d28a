#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything the parts of auditbus may do on a cluster, and nothing else: once, by somebody who may set ACLs, after
# 'auditbus topics create'. The cluster has an authorizer and allow.everyone.if.no.acl.found=false.
#
#   BOOTSTRAP=broker1:9093 CONFIG=admin.properties ./acls.sh
#
# A principal is the name behind 'User:' that the broker gives a client: its SCRAM user, or what
# ssl.principal.mapping.rules makes of its certificate's subject. Others than those below: AGENT=... STREAMS=...
# ACLS is the command, where it is not kafka-acls.sh of the PATH.
set -euo pipefail

: "${BOOTSTRAP:?the brokers, host:port}" "${CONFIG:?properties file of a client that may set ACLs}"
: "${AGENT:=agent}" "${STREAMS:=streams}" "${SINK:=sink}" "${READER:=reader}"

allow() {
  local who=$1
  shift
  "${ACLS:-kafka-acls.sh}" --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" \
    --add --force --allow-principal "User:$who" "$@"
}

# Agents write what they know, and read nothing. WRITE holds DESCRIBE, and what an idempotent producer needs.
allow "$AGENT" --operation Write --topic audit.events --topic audit.trails --topic audit.agents

# Jobs read that, write what follows from it, and keep their state in topics of their own.
allow "$STREAMS" --operation Read --topic audit.events --topic audit.trails --topic audit.agents \
  --group auditbus-gaps --group auditbus-shutdown
allow "$STREAMS" --operation Write --topic audit.gaps --topic audit.shutdowns --topic audit.dead-letters
allow "$STREAMS" --operation Read --operation Write --operation Create --resource-pattern-type prefixed \
  --topic auditbus-gaps- --topic auditbus-shutdown-
allow "$STREAMS" --operation Write --resource-pattern-type prefixed \
  --transactional-id auditbus-gaps- --transactional-id auditbus-shutdown-

# The sink's worker reads two topics, in the group of the connector 'trails', and has three topics of its own.
allow "$SINK" --operation Read --topic audit.events --topic audit.trails \
  --group connect-trails --group auditbus-sinks
allow "$SINK" --operation Write --topic audit.dead-letters
allow "$SINK" --operation Read --operation Write --operation Create --operation DescribeConfigs \
  --topic auditbus-sinks-configs --topic auditbus-sinks-offsets --topic auditbus-sinks-status

# Who consumes: a SIEM, or an operator's commands (events, shutdowns, gaps, hosts, verify --against-topic).
allow "$READER" --operation Read --topic audit.events --topic audit.trails --topic audit.agents \
  --topic audit.gaps --topic audit.shutdowns --topic audit.dead-letters
allow "$READER" --operation Read --resource-pattern-type prefixed --group reader-
