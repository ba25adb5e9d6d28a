// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The project's files, and what its Markdown files are made of. */
final class Documents {
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private static final Set<String> SKIPPED = Set.of(".git", "target", "data");
  private static final Pattern SPAN = Pattern.compile("`([^`]+)`");
  private static final Pattern LINK = Pattern.compile("(?<!!)\\[[^\\]\\[]*]\\(([^)\\s]+)\\)");

  /** A piece of a document, and where it stands. */
  record Piece(Path file, int line, String text) {
    /** A complaint about it. */
    String wrong(String what) {
      return ROOT.relativize(file) + ":" + line + ": " + what + ": " + text.strip();
    }
  }

  /**
   * A Markdown file.
   *
   * @param code lines of code blocks, diagrams left out; a continued line is one
   * @param spans what stands between backticks elsewhere
   * @param keys the same of the first cells of tables
   * @param links where links lead to
   * @param anchors what a link into this file may name
   */
  record Document(
      Path file,
      List<Piece> code,
      List<Piece> spans,
      List<Piece> keys,
      List<Piece> links,
      Set<String> anchors) {}

  private Documents() {}

  /** Every Markdown file of the project. */
  static List<Document> all() throws IOException {
    List<Document> all = new ArrayList<>();
    for (Path file : files(path -> path.toString().endsWith(".md"))) {
      all.add(parse(file, Files.readString(file)));
    }
    return all;
  }

  /** The project's files, without what builds make. */
  static List<Path> files(Predicate<Path> wanted) throws IOException {
    List<Path> found = new ArrayList<>();
    collect(ROOT, wanted, found);
    return found;
  }

  private static void collect(Path directory, Predicate<Path> wanted, List<Path> found)
      throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      for (Path path : entries.sorted().toList()) {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
          if (!SKIPPED.contains(path.getFileName().toString())) {
            collect(path, wanted, found);
          }
        } else if (wanted.test(path)) {
          found.add(path);
        }
      }
    }
  }

  /** Reads a document. */
  static Document parse(Path file, String text) {
    Document document =
        new Document(
            file,
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new java.util.HashSet<>());
    String fence = null;
    StringBuilder continued = new StringBuilder();
    int number = 0;
    boolean blankBefore = true;
    boolean block = false;
    for (String line : text.lines().toList()) {
      number++;
      if (line.strip().startsWith("```")) {
        fence = fence == null ? line.strip().substring(3) : null;
        continue;
      }
      block = fence == null && line.startsWith("    ") && (block || blankBefore);
      blankBefore = line.isBlank();
      if (fence != null || block) {
        if (!"mermaid".equals(fence)) {
          continued.append(line.strip());
          if (line.endsWith("\\")) {
            continued.setLength(continued.length() - 1);
            continued.append(' ');
          } else {
            document.code().add(new Piece(file, number, continued.toString()));
            continued.setLength(0);
          }
        }
        continue;
      }
      if (line.startsWith("#")) {
        document.anchors().add(anchor(line.replaceFirst("^#+\\s*", "")));
      }
      all(SPAN, line, file, number, document.spans());
      if (line.startsWith("| `")) {
        all(SPAN, line.substring(0, line.indexOf('|', 2)), file, number, document.keys());
      }
      all(LINK, line.replaceAll("`[^`]*`", "code"), file, number, document.links());
    }
    return document;
  }

  private static void all(Pattern pattern, String line, Path file, int number, List<Piece> into) {
    Matcher matcher = pattern.matcher(line);
    while (matcher.find()) {
      into.add(new Piece(file, number, matcher.group(1)));
    }
  }

  /** A heading's anchor, as GitHub makes it. */
  static String anchor(String heading) {
    return heading
        .strip()
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N}\\s_-]", "")
        .replace(' ', '-');
  }

  /** What is wrong with the links of a document. */
  static List<String> wrongLinks(Document document) throws IOException {
    List<String> wrong = new ArrayList<>();
    for (Piece link : document.links()) {
      if (link.text().matches("https?://.*|mailto:.*")) {
        continue;
      }
      String path = link.text().replaceFirst("#.*", "");
      String anchor = link.text().substring(path.length()).replaceFirst("^#", "");
      Path target =
          path.isEmpty()
              ? document.file()
              : document.file().resolveSibling(path.replace("%20", " ")).normalize();
      if (!target.startsWith(ROOT) || !Files.exists(target)) {
        wrong.add(link.wrong("a link to nothing"));
      } else if (!anchor.isEmpty()
          && !(target.equals(document.file()) ? document : parse(target, Files.readString(target)))
              .anchors()
              .contains(anchor)) {
        wrong.add(link.wrong("a link to a heading that is not there"));
      }
    }
    return wrong;
  }
}
