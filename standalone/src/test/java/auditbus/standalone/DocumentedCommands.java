// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.standalone.Documents.Document;
import auditbus.standalone.Documents.Piece;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;

/**
 * Checks the command lines of documents against the programs: commands and options by the programs'
 * own models, scripts, classes, tests and modules by what is there.
 */
final class DocumentedCommands {
  private static final Pattern OPTION = Pattern.compile("(?<![\\w\"'./-])--?[A-Za-z][\\w-]*");
  private static final Pattern CLASS = Pattern.compile("\\b(?:auditbus)(?:\\.[a-z]+)+\\.[A-Z]\\w+");

  /** Commands of other projects: only that they are spelled so is checked. */
  private static final Set<String> FOREIGN =
      Set.of(
          "awk",
          "confluent-hub",
          "connect-standalone.sh",
          "curl",
          "jfr",
          "jq",
          "kafka-avro-console-consumer",
          "sha256sum",
          "zcat");

  /** Options of Maven and its plugins that our files do not name. */
  private static final Set<String> MAVENS =
      Set.of("maven.test.skip", "surefire.failIfNoSpecifiedTests", "skipITs", "test", "it.test");

  private static final Set<String> MAVEN_OPTIONS = Set.of("-B", "-q", "-pl", "-am", "-T", "-P");
  private static final Set<String> PHASES = Set.of("clean", "compile", "test", "package", "verify");

  private final Map<String, CommandLine> commands = new HashMap<>();
  private final Map<String, Path> scripts = new HashMap<>();
  private final Set<String> classes = new HashSet<>();
  private final Set<String> tests = new HashSet<>();
  private final Set<String> modules = new HashSet<>();
  private final Set<String> services = new HashSet<>();
  private final StringBuilder sources = new StringBuilder();

  DocumentedCommands() throws IOException {
    CommandLine agent = auditbus.agent.Main.commandLine();
    commands.putAll(auditbus.streams.Main.commandLine().getSubcommands());
    commands.putAll(Main.commandLine().getSubcommands());
    commands.put("agent", agent);
    commands.put("dump", agent.getSubcommands().get("dump"));
    for (Path file : Documents.files(DocumentedCommands::isCode)) {
      String text = Files.readString(file);
      String name = Documents.ROOT.relativize(file).toString();
      sources.append(text).append('\n');
      if (Files.isExecutable(file)) {
        scripts.put(name, file);
      }
      Matcher java = Pattern.compile("src/(main|test)/java/(.+)\\.java").matcher(name);
      if (java.find()) {
        classes.add(java.group(2).replace('/', '.'));
        tests.add(file.getFileName().toString().replace(".java", ""));
      }
      if (name.matches("\\w+/pom.xml")) {
        modules.add(name.substring(0, name.indexOf('/')));
      }
    }
    Matcher service =
        Pattern.compile("(?m)^  ([a-z0-9-]+):$")
            .matcher(Files.readString(Documents.ROOT.resolve("docker-compose.yml")));
    while (service.find()) {
      services.add(service.group(1));
    }
  }

  private static boolean isCode(Path file) {
    String name = Documents.ROOT.relativize(file).toString();
    return name.matches(".*\\.(java|xml|sh|c|avsc)")
        || name.matches("auditbus|mvnw|[\\w/]*bin/[a-z]+|docker/\\w+");
  }

  /** The launcher's commands that have options of their own. */
  Map<String, CommandLine> commands() {
    return commands;
  }

  /** What is wrong in a document. */
  List<String> wrong(Document document) {
    List<String> wrong = new ArrayList<>();
    document.code().forEach(line -> wrong(line, true).ifPresent(wrong::add));
    document.spans().forEach(span -> wrong(span, false).ifPresent(wrong::add));
    return wrong;
  }

  private Optional<String> wrong(Piece piece, boolean block) {
    String text = piece.text().strip();
    boolean prompt = block && text.startsWith("$ ");
    if (prompt) {
      text = text.substring(2);
    }
    text = text.replaceFirst(" {2,}#.*", "");
    for (String part : text.split(" \\| ", -1)) {
      String command = part.strip().replaceFirst("^([A-Z_]+=\\S+ )+", "");
      Optional<String> wrong = command(command, block && (prompt || part.startsWith("./")));
      if (wrong.isPresent()) {
        return wrong.map(piece::wrong);
      }
    }
    return Optional.empty();
  }

  private Optional<String> command(String command, boolean surely) {
    List<String> words = Arrays.asList(command.split("\\s+"));
    String first = words.getFirst();
    if (first.equals("auditbus") || first.equals("./auditbus")) {
      return words.size() == 1 ? Optional.empty() : auditbus(words.subList(1, words.size()));
    }
    if (first.equals("./mvnw")) {
      return maven(words.subList(1, words.size()));
    }
    if (first.startsWith("benchmarks/bin/") && !command.contains("──►")) {
      return script(first, command);
    }
    if (first.equals("java") && words.size() > 2) {
      return java(command);
    }
    if (command.startsWith("docker compose ")) {
      return compose(words.subList(2, words.size()));
    }
    return surely && !FOREIGN.contains(first)
        ? Optional.of("no such program '" + first + "'")
        : Optional.empty();
  }

  private Optional<String> auditbus(List<String> words) {
    String first = words.getFirst();
    if (Set.of("test", "help").contains(first)) {
      return Optional.empty();
    }
    CommandLine command = commands.get(first);
    if (command == null) {
      return first.matches("[a-z]+") ? Optional.of("no such command") : Optional.empty();
    }
    int used = 1;
    Map<String, CommandLine> below = command.getSubcommands();
    if (!below.isEmpty() && words.size() > 1 && words.get(1).matches("[a-z|]+")) {
      for (String word : words.get(1).split("\\|", -1)) {
        command = below.get(word);
        if (command == null) {
          return Optional.of("no such sub-command '" + word + "'");
        }
      }
      used = 2;
    }
    Set<String> known = options(command);
    Matcher option = OPTION.matcher(String.join(" ", words.subList(used, words.size())));
    while (option.find()) {
      String name = option.group();
      if (!known.contains(name) && !(name.startsWith("-D") && known.contains("-D"))) {
        return Optional.of("no such option '" + name + "'");
      }
    }
    return Optional.empty();
  }

  private static Set<String> options(CommandLine command) {
    Set<String> known = new HashSet<>(command.getCommandSpec().optionsMap().keySet());
    known.addAll(command.getCommandSpec().negatedOptionsMap().keySet());
    return known;
  }

  private Optional<String> maven(List<String> words) {
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i).replaceAll("[\\[\\]]", "");
      if (word.equals("-pl")) {
        i++;
        for (String module : words.get(i).split(",", -1)) {
          if (!modules.contains(module)) {
            return Optional.of("no such module '" + module + "'");
          }
        }
      } else if (word.startsWith("-D")) {
        String name = word.substring(2).replaceFirst("=.*", "");
        String value = word.replaceFirst("^[^=]*=?", "");
        if (!MAVENS.contains(name) && !sources.toString().contains("\"" + name + "\"")) {
          return Optional.of("no such property '" + name + "'");
        }
        if (name.matches("(it\\.)?test") && !tests.contains(value)) {
          return Optional.of("no such test '" + value + "'");
        }
      } else if (!(word.startsWith("-") ? MAVEN_OPTIONS : PHASES).contains(word)) {
        return Optional.of("no such option or phase '" + word + "'");
      }
    }
    return Optional.empty();
  }

  private Optional<String> script(String name, String command) {
    Path script = scripts.get(name);
    if (script == null) {
      return Optional.of("no such program '" + name + "'");
    }
    Matcher option = OPTION.matcher(command);
    while (option.find()) {
      if (!said(option.group())) {
        return Optional.of("no such option '" + option.group() + "'");
      }
    }
    return Optional.empty();
  }

  /** Whether a program's text has an option as a string of its own. */
  private boolean said(String option) {
    return option.equals("--help") || sources.indexOf("\"" + option + "\"") >= 0;
  }

  private Optional<String> java(String command) {
    Matcher jar = Pattern.compile("(\\w+)/target/([\\w-]+)\\.jar").matcher(command);
    while (jar.find()) {
      if (!sources.toString().contains("<finalName>" + jar.group(2) + "</finalName>")) {
        return Optional.of("no such jar");
      }
    }
    Matcher named = CLASS.matcher(command);
    while (named.find()) {
      if (!classes.contains(named.group())) {
        return Optional.of("no such class '" + named.group() + "'");
      }
    }
    return Optional.empty();
  }

  private Optional<String> compose(List<String> words) {
    String verb = words.getFirst();
    if (verb.equals("up")) {
      for (String word : words.subList(1, words.size())) {
        if (!Set.of("--build", "-d").contains(word) && !services.contains(word)) {
          return Optional.of("no such service '" + word + "'");
        }
      }
      return Optional.empty();
    }
    if (!verb.equals("exec")) {
      return Optional.of("no such command '" + verb + "'");
    }
    if (!services.contains(words.get(1))) {
      return Optional.of("no such service '" + words.get(1) + "'");
    }
    return words.get(2).equals("auditbus")
        ? auditbus(words.subList(3, words.size()))
        : Optional.empty();
  }

  /** Options that stand alone in a document's text, and are none of any program of the project. */
  List<String> wrongOptions(Document document, Set<String> others) {
    Set<String> known = new HashSet<>(others);
    commands.values().forEach(command -> collect(command, known));
    List<String> wrong = new ArrayList<>();
    for (Piece span : document.spans()) {
      Matcher option = Pattern.compile("^--?[a-zA-Z][\\w-]*(?![\\w.-])").matcher(span.text());
      if (option.find()
          && !known.contains(option.group())
          && !option.group().matches("-[DX].*")
          && !said(option.group())) {
        wrong.add(span.wrong("an option of no program"));
      }
    }
    return wrong;
  }

  private static void collect(CommandLine command, Set<String> into) {
    into.addAll(options(command));
    command.getSubcommands().values().forEach(below -> collect(below, into));
  }
}
