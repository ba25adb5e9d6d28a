// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.agent.AgentConfig;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.schemas.Topics;
import auditbus.sinks.trail.TrailSinkConnector;
import auditbus.standalone.Documents.Document;
import auditbus.standalone.Documents.Piece;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.Schema;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.connect.runtime.SinkConnectorConfig;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.isolation.Plugins;
import org.apache.kafka.streams.StreamsConfig;
import picocli.CommandLine;

/**
 * Checks the dotted names in documents: a key of a program's own table, a topic, a field, a file or
 * package of the project, or one of those listed here with whose it is.
 */
final class DocumentedNames {
  /** A name with dots, not part of a path, address, file in capitals or call. */
  private static final Pattern NAME =
      Pattern.compile(
          "(?<![\\w/.:$<@{\\[-])[a-z][a-zA-Z0-9_-]*(?:\\.[a-zA-Z0-9_*-]+)+(?![\\w/(@:]|\\.[\\w])");

  /** Names of others, which nothing here can be asked about. */
  private static final Set<String> OTHERS =
      Set.of(
          "agent.jfr", // an example's
          "allow.everyone.if.no.acl.found", // a broker's authorizer
          "argument.2.signal", // BSM, as dump names it
          "audit.log", // auditd
          "avro-confluent.url", // Flink
          "avro.java.string", // Avro
          "avro.remove.java.properties", // Confluent's serializer
          "connect-standalone.sh", // Kafka
          "deploy.resources", // Compose
          "io.apicurio.registry.utils.converter.AvroConverter",
          "java.net.http", // the JDK
          "jdk.CPUTimeSample", // JFR
          "net.core.rmem_max", // sysctl
          "old.gz", // an example's
          "return.errval", // BSM, as dump names it
          "ssl.principal.mapping.rules", // a broker's
          "subject.audit-uid", // BSM, as dump names it
          "subject.tid", // likewise
          "super.users"); // a broker's authorizer

  private final Set<String> keys = new TreeSet<>();
  private final Set<String> known = new HashSet<>();
  private final Set<String> packages = new HashSet<>();
  private final Set<String> words = new HashSet<>();

  DocumentedNames() throws IOException {
    keys.addAll(AgentConfig.definition().names());
    keys.addAll(List.of("sources.NAME.type", "sources.NAME.path", "sources.NAME.format"));
    keys.add("sources.NAME.delete");
    keys.addAll(SchemaRegistryConfig.definition().names());
    keys.addAll(new TrailSinkConnector().config().names());
    keys.addAll(streamsSettings());
    known.addAll(keys);
    known.addAll(ProducerConfig.configNames());
    known.addAll(ConsumerConfig.configNames());
    known.addAll(AdminClientConfig.configNames());
    known.addAll(StreamsConfig.configDef().names());
    known.addAll(constants(DistributedConfig.class));
    known.addAll(constants(org.apache.kafka.connect.runtime.WorkerConfig.class));
    known.addAll(constants(SinkConnectorConfig.class));
    known.addAll(constants(org.apache.kafka.connect.runtime.ConnectorConfig.class));
    known.addAll(constants(TopicConfig.class));
    known.addAll(kafka.server.KafkaConfig.configDef().names());
    for (Topics topic : Topics.values()) {
      known.add(topic.topic());
      fields(topic.schema(), "", known, new HashSet<>());
    }
    known.add(Topics.DEAD_LETTERS);
    for (Path file : Documents.files(path -> !path.endsWith("DocumentsTest.java"))) {
      known.add(file.getFileName().toString());
      if (file.toString().matches(".*\\.(java|avsc|xml|json|properties)|.*/bin/\\w+")) {
        read(Files.readString(file), file.toString().contains("/src/main/"));
      }
      String name = Documents.ROOT.relativize(file).toString();
      Matcher java = Pattern.compile("src/\\w+/java/(.+)\\.java").matcher(name);
      if (java.find()) {
        String path = java.group(1).replace('/', '.');
        for (int dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
          packages.add("." + path.substring(0, dot));
        }
        packages.add("." + path);
      }
    }
    known.addAll(OTHERS);
  }

  private void read(String text, boolean program) {
    Matcher word = Pattern.compile("[A-Z]\\w+").matcher(text);
    while (word.find()) {
      words.add(word.group());
    }
    Matcher string = Pattern.compile("\"([a-z]\\w*(?:\\.\\w+)+)\"").matcher(text);
    while (program && string.find()) {
      known.add(string.group(1));
    }
  }

  /** The names of all keys the project's programs define themselves. */
  Set<String> keys() {
    return keys;
  }

  private static Set<String> streamsSettings() {
    StringWriter out = new StringWriter();
    CommandLine streams = auditbus.streams.Main.commandLine();
    streams.setOut(new PrintWriter(out, true));
    streams.execute("streams", "settings");
    Set<String> names = new TreeSet<>();
    Matcher row = Pattern.compile("(?m)^\\| `([^`]+)` ").matcher(out.toString());
    while (row.find()) {
      names.add(row.group(1));
    }
    return names;
  }

  /** The values of a class's public text constants: what Kafka has where it shows no table. */
  private static Set<String> constants(Class<?> type) {
    Set<String> values = new HashSet<>();
    for (java.lang.reflect.Field field : type.getFields()) {
      try {
        if (field.getType() == String.class && field.getName().endsWith("_CONFIG")) {
          values.add((String) field.get(null));
        }
      } catch (IllegalAccessException e) {
        throw new AssertionError("a public field: " + field, e);
      }
    }
    return values;
  }

  /** Dotted paths of a schema's fields. */
  private static void fields(Schema schema, String prefix, Set<String> into, Set<String> seen) {
    switch (schema.getType()) {
      case UNION -> schema.getTypes().forEach(type -> fields(type, prefix, into, seen));
      case ARRAY -> fields(schema.getElementType(), prefix, into, seen);
      case RECORD -> {
        for (Schema.Field field : schema.getFields()) {
          into.add(prefix + field.name());
          if (seen.size() < 4 && seen.add(schema.getFullName() + field.name())) {
            fields(field.schema(), prefix + field.name() + ".", into, seen);
            fields(field.schema(), field.name() + ".", into, seen);
            seen.remove(schema.getFullName() + field.name());
          }
        }
      }
      default -> {}
    }
  }

  /** What is wrong in a document. */
  List<String> wrong(Document document) {
    List<String> wrong = new ArrayList<>();
    List<Piece> pieces = new ArrayList<>(document.code());
    pieces.addAll(document.spans());
    for (Piece piece : pieces) {
      Matcher name = NAME.matcher(piece.text());
      while (name.find()) {
        if (!isKnown(name.group())) {
          wrong.add(piece.wrong("'" + name.group() + "' is no key, topic, field, file or package"));
        }
      }
    }
    if (!document.file().endsWith("RATIONALE.md")) { // which speaks of what is not there, too
      for (Piece span : document.spans()) {
        if (span.text().matches("([A-Z][a-z0-9]+){2,}") && !words.contains(span.text())) {
          wrong.add(span.wrong("a class or type that no source names"));
        }
      }
    }
    return wrong;
  }

  private boolean isKnown(String name) {
    if (name.endsWith(".*")) {
      String prefix = name.substring(0, name.length() - 1);
      return known.stream().anyMatch(key -> key.startsWith(prefix)) || isPassedOn(prefix + "x");
    }
    String own = name.replaceFirst("^sources\\.[a-z]+\\.", "sources.NAME.");
    return known.contains(own)
        || (name.matches(".*\\.[A-Z]+(\\..*)?") && !name.startsWith("sources."))
        || isPassedOn(name)
        || name.matches("audit\\.log\\.\\d+")
        || packages.stream().anyMatch(path -> path.endsWith("." + name))
        || isLoadable(name);
  }

  /** Keys that a program hands on with a prefix of its own. */
  private boolean isPassedOn(String name) {
    for (String prefix : List.of("producer.", "consumer.", "admin.")) {
      if (name.startsWith(prefix)) {
        return name.equals(prefix + "x") || known.contains(name.substring(prefix.length()));
      }
    }
    return name.matches("config\\.providers\\.(x|[a-z]+\\.(class|param\\.[a-z.]+))")
        || name.matches("value\\.converter\\.[a-z.-]+");
  }

  private static boolean isLoadable(String name) {
    try {
      Class.forName(name, false, Plugins.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /** Keys of a program that a document's tables do not name in their first column. */
  static List<String> undocumented(Document document, ConfigDef keys) {
    Set<String> named = new HashSet<>();
    document.keys().forEach(key -> named.add(key.text()));
    List<String> missing = new ArrayList<>();
    for (String key : keys.names()) {
      if (!named.contains(key) && !keys.configKeys().get(key).internalConfig) {
        missing.add(document.file().getFileName() + " does not name " + key);
      }
    }
    return missing;
  }
}
