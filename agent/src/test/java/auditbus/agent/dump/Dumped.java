// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.schemas.Format;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What a dump in this process printed, said and returned. */
record Dumped(int exitCode, String out, List<String> err) {
  private static final JsonMapper JSON = new JsonMapper();

  static Dumped blocks(Path... places) throws Exception {
    return of(settings(false, false, places), new byte[0]);
  }

  static Dumped json(Path... places) throws Exception {
    return of(settings(true, false, places), new byte[0]);
  }

  static Dumped of(DumpSettings settings, byte[] stdin) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    List<String> err = new ArrayList<>();
    int code =
        new Dump(
                settings,
                new ByteArrayInputStream(stdin),
                out,
                err::add,
                _ -> {
                  throw new AssertionError("nothing is followed");
                })
            .run();
    return new Dumped(code, out.toString(StandardCharsets.UTF_8), List.copyOf(err));
  }

  static DumpSettings settings(boolean json, boolean raw, Path... places) {
    return new DumpSettings(
        Arrays.stream(places).map(Path::toString).toList(),
        Optional.<Format>empty(),
        json,
        raw,
        false,
        Set.of(),
        Optional.empty());
  }

  List<JsonNode> events() {
    return out.lines()
        .map(
            line -> {
              try {
                return JSON.readTree(line);
              } catch (IOException e) {
                throw new UncheckedIOException(line, e);
              }
            })
        .toList();
  }

  List<JsonNode> records() {
    List<JsonNode> records = new ArrayList<>();
    events().forEach(event -> event.get("records").forEach(records::add));
    return records;
  }

  long blockCount() {
    return out.lines().filter(line -> line.startsWith("---- ")).count();
  }
}
