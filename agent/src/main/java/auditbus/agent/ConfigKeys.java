// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.ValidString;

/** The table of an agent's keys: name, type, default, range, what it is. */
final class ConfigKeys {
  private static final long MIB = 1024L * 1024;
  private static final long HOUR_MS = 3_600_000;

  static final ConfigDef DEFINITION = capture(distribution(common(new ConfigDef())));

  private ConfigKeys() {}

  private static ConfigDef common(ConfigDef keys) {
    return keys.define(
            "bootstrap.servers",
            ConfigDef.Type.LIST,
            ConfigDef.NO_DEFAULT_VALUE,
            Importance.HIGH,
            "Kafka brokers to begin with, host:port, comma separated.")
        .define(
            "schema.registry.url",
            ConfigDef.Type.LIST,
            ConfigDef.NO_DEFAULT_VALUE,
            Importance.HIGH,
            "Schema registries, comma separated; tried in order.")
        .define(
            "host",
            ConfigDef.Type.STRING,
            "",
            Importance.HIGH,
            "This host's name in every event; empty for the lower-case host name. Decides the"
                + " partition, so it must not change.")
        .define(
            "state.dir",
            ConfigDef.Type.STRING,
            "/var/lib/auditbus",
            Importance.HIGH,
            "Directory of the checkpoint; one agent at a time.")
        .define(
            "heartbeat.ms",
            ConfigDef.Type.LONG,
            5000L,
            Range.between(100, HOUR_MS),
            Importance.MEDIUM,
            "Milliseconds between two AgentStatus messages.")
        .define(
            "shutdown.timeout.ms",
            ConfigDef.Type.LONG,
            5000L,
            Range.between(0, HOUR_MS),
            Importance.MEDIUM,
            "Milliseconds a stopping agent goes on sending what it captured; the rest is sent by"
                + " the next run.");
  }

  private static ConfigDef distribution(ConfigDef keys) {
    return keys.define(
            "auto.register.schemas",
            ConfigDef.Type.BOOLEAN,
            true,
            Importance.MEDIUM,
            "Whether schemas the registry lacks are registered; if false a missing one is an"
                + " error.")
        .define(
            "once",
            ConfigDef.Type.BOOLEAN,
            false,
            Importance.LOW,
            "End every trail where it ends now, and stop when all is acknowledged.")
        .define(
            "event.timeout.ms",
            ConfigDef.Type.LONG,
            2000L,
            Range.between(1, HOUR_MS),
            Importance.MEDIUM,
            "Milliseconds after its last record at which an event without an end is closed at the"
                + " live head.")
        .define(
            "event.distance.bytes",
            ConfigDef.Type.LONG,
            4 * MIB,
            Range.between(1024, 1L << 32),
            Importance.LOW,
            "Bytes read past its last record at which an event without an end is closed behind the"
                + " head.")
        .define(
            "in.flight.max.bytes",
            ConfigDef.Type.LONG,
            8 * MIB,
            Range.between(64 * 1024, 1L << 30),
            Importance.MEDIUM,
            "Bytes sent to Kafka and not acknowledged at which reading pauses.")
        .define(
            "checkpoint.interval.ms",
            ConfigDef.Type.LONG,
            250L,
            Range.between(10, 60_000),
            Importance.LOW,
            "Milliseconds between two checkpoints while there is something new in them.")
        .define(
            "scan.interval.ms",
            ConfigDef.Type.LONG,
            50L,
            Range.between(1, 60_000),
            Importance.LOW,
            "Milliseconds between two looks at a source's directory, a fifth of it while 3 KiB or"
                + " more come between them.");
  }

  private static ConfigDef capture(ConfigDef keys) {
    return keys.define(
            "trail.dir",
            ConfigDef.Type.STRING,
            "",
            Importance.MEDIUM,
            "Where captured sources have their trails, a directory each; empty for trails in"
                + " state.dir.")
        .define(
            "trail.group",
            ConfigDef.Type.STRING,
            "",
            Importance.LOW,
            "Group that may read captured trails (auditd's log_group); empty for none.")
        .define(
            "trail.max.bytes",
            ConfigDef.Type.LONG,
            64 * MIB,
            Range.between(64 * 1024, 1L << 40),
            Importance.MEDIUM,
            "Size at which a captured trail is rotated.")
        .define(
            "trail.max.age.ms",
            ConfigDef.Type.LONG,
            HOUR_MS,
            Range.between(1000, 365 * 24 * HOUR_MS),
            Importance.MEDIUM,
            "Age in milliseconds at which a captured trail is rotated.")
        .define(
            "trail.keep.ms",
            ConfigDef.Type.LONG,
            24 * HOUR_MS,
            Range.between(0, 3650 * 24 * HOUR_MS),
            Importance.MEDIUM,
            "Milliseconds a captured trail is kept after its end, once it is acknowledged.")
        .define(
            "flush",
            ConfigDef.Type.STRING,
            "incremental",
            ValidString.in("none", "incremental", "sync"),
            Importance.MEDIUM,
            "When captured records are forced to disk: none (the kernel decides), incremental, sync"
                + " (each batch, before the next is received).")
        .define(
            "flush.records",
            ConfigDef.Type.INT,
            50,
            Range.between(1, 1_000_000),
            Importance.LOW,
            "Records after which incremental forces them.")
        .define(
            "flush.interval.ms",
            ConfigDef.Type.LONG,
            1000L,
            Range.between(10, HOUR_MS),
            Importance.LOW,
            "Milliseconds after which incremental forces what there is.")
        .define(
            "space.min.free.bytes",
            ConfigDef.Type.LONG,
            64 * MIB,
            Range.atLeast(0),
            Importance.MEDIUM,
            "Free bytes of the trails' file system below which finished trails are removed,"
                + " acknowledged ones first.")
        .define(
            "on.full",
            ConfigDef.Type.STRING,
            "drop-oldest",
            ValidString.in("drop-oldest", "block"),
            Importance.MEDIUM,
            "When no acknowledged trail is left to remove: drop-oldest removes the oldest other one"
                + " (published as dropped), block stops reading, and the kernel stalls audited"
                + " calls.")
        .define(
            "receive.buffer.bytes",
            ConfigDef.Type.INT,
            0,
            Range.between(0, 1 << 30),
            Importance.MEDIUM,
            "Socket buffer for the kernel's stream, of which the kernel takes up to twice as much"
                + " memory while the agent stalls; 0 for a thirty-second of the host's memory, 64 to"
                + " 512 MiB. Above net.core.rmem_max it wants CAP_NET_ADMIN or a socket held by"
                + " systemd.")
        .define(
            "signal.grace.ms",
            ConfigDef.Type.LONG,
            2000L,
            Range.between(0, 60_000),
            Importance.MEDIUM,
            "Milliseconds the record of a signal's kill is waited for before the agent's own"
                + " DAEMON_ record.")
        .define(
            "liveness.interval.ms",
            ConfigDef.Type.LONG,
            1000L,
            Range.between(0, HOUR_MS),
            Importance.LOW,
            "Milliseconds between two user records that keep the kernel's queue moving and show the"
                + " stream is alive; 0 for none. Wants CAP_AUDIT_WRITE.")
        .define(
            "kernel.startup",
            ConfigDef.Type.STRING,
            "enable",
            ValidString.in("enable", "disable", "nochange"),
            Importance.MEDIUM,
            "What a kernel source does with the kernel's enabled flag at its start (auditd -s).")
        .define(
            "kernel.backlog.limit",
            ConfigDef.Type.LONG,
            null,
            Importance.LOW,
            "Most records that may wait in the kernel (auditctl -b); left as it is if not set.")
        .define(
            "kernel.backlog.wait.time",
            ConfigDef.Type.LONG,
            null,
            Importance.LOW,
            "Most time an audited call waits for room (auditctl --backlog_wait_time); left as it is"
                + " if not set.")
        .define(
            "kernel.failure",
            ConfigDef.Type.LONG,
            null,
            Importance.LOW,
            "0 silent, 1 printk, 2 panic (auditctl -f); left as it is if not set.")
        .define(
            "kernel.rate.limit",
            ConfigDef.Type.LONG,
            null,
            Importance.LOW,
            "Most messages a second, 0 for no limit (auditctl -r); left as it is if not set.");
  }
}
