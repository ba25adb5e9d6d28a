// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import auditbus.schemas.Compatibility;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/**
 * What the registry knows: a pure function of the records of its topic, in their order.
 *
 * <p>A schema is what its text parses to, printed again: white space is no difference, a doc is
 * one, as in Confluent's registry. The same schema has the same id in all subjects. A deleted
 * version is not found under its subject any more and keeps its id, since records that name it
 * exist.
 *
 * <p>Thread-safe.
 */
final class RegistryState {
  /** What holds where nothing else was configured. */
  static final Compatibility DEFAULT = Compatibility.BACKWARD_TRANSITIVE;

  /**
   * A version of a subject.
   *
   * @param schema the text as it was registered
   */
  record Version(String subject, int version, int id, String schema, boolean deleted) {}

  private final Map<String, NavigableMap<Integer, Version>> subjects = new TreeMap<>();
  private final Map<Integer, String> schemas = new HashMap<>();
  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<String, Compatibility> compatibilities = new HashMap<>();
  private Compatibility global = DEFAULT;
  private int greatestId;

  // ---- what the topic says

  synchronized void apply(Version version) {
    subjects
        .computeIfAbsent(version.subject(), s -> new TreeMap<>())
        .put(version.version(), version);
    schemas.put(version.id(), version.schema());
    ids.putIfAbsent(canonical(version.schema()), version.id());
    greatestId = Math.max(greatestId, version.id());
  }

  /** A tombstone: the version is gone for good, but for its id. */
  synchronized void remove(String subject, int version) {
    NavigableMap<Integer, Version> versions = subjects.get(subject);
    if (versions != null) {
      versions.remove(version);
      if (versions.isEmpty()) {
        subjects.remove(subject);
      }
    }
  }

  /** All versions up to the given one are deleted. */
  synchronized void deleteSubject(String subject, int upTo) {
    NavigableMap<Integer, Version> versions =
        subjects.getOrDefault(subject, Collections.emptyNavigableMap());
    versions
        .headMap(upTo, true)
        .replaceAll((number, v) -> new Version(v.subject(), v.version(), v.id(), v.schema(), true));
  }

  /** A compatibility; null for either means the registry's own and "not configured any more". */
  synchronized void apply(String subject, Compatibility compatibility) {
    if (subject == null) {
      global = compatibility == null ? DEFAULT : compatibility;
    } else if (compatibility == null) {
      compatibilities.remove(subject);
    } else {
      compatibilities.put(subject, compatibility);
    }
  }

  // ---- what is asked

  synchronized List<String> subjects(String prefix) {
    return subjects.keySet().stream()
        .filter(s -> s.startsWith(prefix) && !live(s).isEmpty())
        .toList();
  }

  synchronized List<Version> versions(String subject) throws RegistryRefusal {
    List<Version> live = live(subject);
    if (live.isEmpty()) {
      throw RegistryRefusal.subjectNotFound(subject);
    }
    return live;
  }

  /**
   * @param number a version or "latest" or "-1"
   */
  synchronized Version version(String subject, String number) throws RegistryRefusal {
    Optional<Integer> wanted = number(number);
    List<Version> versions = versions(subject);
    if (wanted.isEmpty()) {
      return versions.getLast();
    }
    return versions.stream()
        .filter(v -> v.version() == wanted.get())
        .findFirst()
        .orElseThrow(() -> RegistryRefusal.versionNotFound(number));
  }

  synchronized Optional<Version> lookUp(String subject, Schema schema) {
    String canonical = schema.toString();
    // The newest first: after a deletion the same schema may stand there twice.
    return live(subject).reversed().stream()
        .filter(v -> canonical(v.schema()).equals(canonical))
        .findFirst();
  }

  synchronized String schema(int id) throws RegistryRefusal {
    String schema = schemas.get(id);
    if (schema == null) {
      throw RegistryRefusal.schemaNotFound(Integer.toString(id));
    }
    return schema;
  }

  synchronized List<Version> versionsOf(int id) throws RegistryRefusal {
    schema(id);
    return subjects.keySet().stream()
        .flatMap(s -> live(s).stream())
        .filter(v -> v.id() == id)
        .toList();
  }

  synchronized Compatibility global() {
    return global;
  }

  synchronized Optional<Compatibility> own(String subject) {
    return Optional.ofNullable(compatibilities.get(subject));
  }

  /** The version the schema would be registered as: the next of its subject, with its id. */
  synchronized Version next(String subject, Schema schema, String text) {
    NavigableMap<Integer, Version> versions =
        subjects.getOrDefault(subject, Collections.emptyNavigableMap());
    int number = versions.isEmpty() ? 1 : versions.lastKey() + 1;
    int id = Optional.ofNullable(ids.get(schema.toString())).orElse(greatestId + 1);
    return new Version(subject, number, id, text, false);
  }

  /** Why the schema may not be the subject's next version; empty if it may. */
  synchronized List<String> objections(String subject, Schema schema) {
    Compatibility level = own(subject).orElse(global);
    List<Version> live = live(subject);
    return switch (level) {
      case NONE -> List.of();
      case BACKWARD, FORWARD, FULL ->
          live.isEmpty() ? List.of() : objections(level, schema, List.of(live.getLast()));
      case BACKWARD_TRANSITIVE, FORWARD_TRANSITIVE, FULL_TRANSITIVE ->
          objections(level, schema, live);
    };
  }

  /** Why the schema does not go with one version of the subject; empty if it does. */
  synchronized List<String> objections(String subject, Schema schema, String number)
      throws RegistryRefusal {
    if (number(number).isEmpty() && live(subject).isEmpty()) {
      return List.of();
    }
    return objections(own(subject).orElse(global), schema, List.of(version(subject, number)));
  }

  private static List<String> objections(
      Compatibility level, Schema schema, List<Version> versions) {
    List<String> objections = new ArrayList<>();
    boolean backward = level.name().startsWith("BACKWARD") || level.name().startsWith("FULL");
    boolean forward = level.name().startsWith("FORWARD") || level.name().startsWith("FULL");
    for (Version version : versions.reversed()) {
      Schema other = parsed(version.schema());
      if (backward) {
        compare(
            "the new schema cannot read version " + version.version(), schema, other, objections);
      }
      if (forward) {
        compare(
            "version " + version.version() + " cannot read the new schema",
            other,
            schema,
            objections);
      }
    }
    return objections;
  }

  private static void compare(String what, Schema reader, Schema writer, List<String> objections) {
    SchemaCompatibility.checkReaderWriterCompatibility(reader, writer)
        .getResult()
        .getIncompatibilities()
        .forEach(
            i ->
                objections.add(
                    what + " at " + i.getLocation() + ": " + i.getType() + ": " + i.getMessage()));
  }

  private List<Version> live(String subject) {
    return subjects.getOrDefault(subject, Collections.emptyNavigableMap()).values().stream()
        .filter(v -> !v.deleted())
        .toList();
  }

  /** Empty for the latest. */
  private static Optional<Integer> number(String version) throws RegistryRefusal {
    if (version.equals("latest") || version.equals("-1")) {
      return Optional.empty();
    }
    try {
      int number = Integer.parseInt(version);
      if (number > 0) {
        return Optional.of(number);
      }
    } catch (NumberFormatException e) {
      // Refused below, as a number out of range is.
    }
    throw RegistryRefusal.invalidVersion(version);
  }

  private static String canonical(String text) {
    try {
      return parsed(text).toString();
    } catch (AvroRuntimeException e) {
      // Another registry on the same topic took it: it is kept as it stands.
      return text;
    }
  }

  /** A schema as a client sends it. */
  static Schema parse(String text) throws RegistryRefusal {
    try {
      return parsed(text);
    } catch (AvroRuntimeException e) {
      throw RegistryRefusal.invalidSchema(e.getMessage());
    }
  }

  private static Schema parsed(String text) {
    return new Schema.Parser().parse(text);
  }
}
