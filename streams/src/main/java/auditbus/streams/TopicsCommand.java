// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code topics}: creates and checks the topics. */
@Command(
    name = "topics",
    description = "Creates or checks the topics of auditbus.",
    mixinStandardHelpOptions = true)
public final class TopicsCommand implements Runnable {
  @Spec private CommandSpec spec;

  /** What picocli makes. */
  public TopicsCommand() {}

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "missing: create or check");
  }

  @Command(
      name = "create",
      description = "Creates the topics that are missing; changes none that is there.",
      mixinStandardHelpOptions = true)
  int create(
      @Mixin ClientOptions client,
      @Option(
              names = "--partitions",
              paramLabel = "N",
              defaultValue = "" + Topics.DEFAULT_PARTITIONS,
              description = "Partitions of every topic, for ever; default ${DEFAULT-VALUE}.")
          int partitions,
      @Option(
              names = "--replication",
              paramLabel = "N",
              description = "Copies of each partition; default the broker's.")
          Short replication,
      @Option(
              names = "--min-insync",
              paramLabel = "N",
              description =
                  "Copies that must have a record before it is acknowledged"
                      + " (min.insync.replicas); default the broker's.")
          Integer minInsync) {
    if (partitions < 1
        || (replication != null && replication < 1)
        || (minInsync != null && minInsync < 1)) {
      throw new ParameterException(
          spec.subcommands().get("create"),
          "--partitions, --replication and --min-insync must be at least 1");
    }
    if (replication != null && minInsync != null && minInsync > replication) {
      throw new ParameterException(
          spec.subcommands().get("create"),
          "--min-insync must be at most --replication, found " + minInsync + " of " + replication);
    }
    try (Admin admin = admin(client)) {
      List<String> created =
          new TopicAdmin(admin)
              .create(
                  partitions,
                  Optional.ofNullable(replication),
                  minInsync == null ? OptionalInt.empty() : OptionalInt.of(minInsync));
      created.forEach(name -> spec.commandLine().getOut().println("created " + name));
      if (created.isEmpty()) {
        spec.commandLine().getOut().println("all topics are there");
      }
      return CommandLine.ExitCode.OK;
    }
  }

  @Command(
      name = "check",
      description = "Says how the topics differ from what auditbus needs; exit code 1 if they do.",
      mixinStandardHelpOptions = true)
  int check(@Mixin ClientOptions client) {
    try (Admin admin = admin(client)) {
      List<String> differences = new TopicAdmin(admin).check();
      differences.forEach(spec.commandLine().getOut()::println);
      if (differences.isEmpty()) {
        spec.commandLine().getOut().println("all topics are as they should be");
      }
      return differences.isEmpty() ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }
  }

  private static Admin admin(ClientOptions client) {
    Map<String, Object> settings = new HashMap<>(client.settings());
    settings.putIfAbsent(CommonClientConfigs.DEFAULT_API_TIMEOUT_MS_CONFIG, "15000");
    settings.putIfAbsent(CommonClientConfigs.REQUEST_TIMEOUT_MS_CONFIG, "15000");
    return Admin.create(settings);
  }
}
