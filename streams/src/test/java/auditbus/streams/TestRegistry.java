// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A schema registry over HTTP that knows registering and fetching by id, and can be told to fail.
 *
 * <p>Thread-safe.
 */
public final class TestRegistry implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final List<String> schemas = new ArrayList<>();
  private volatile int status = 200;

  public TestRegistry() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext("/", this::answer);
    server.start();
  }

  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** What every request is answered with from now on; 200 is to serve it. */
  public void answerWith(int newStatus) {
    status = newStatus;
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    Object body = Map.of("error_code", 40403, "message", "Schema not found");
    int code = status == 200 ? 404 : status;
    if (status == 200 && exchange.getRequestMethod().equals("POST")) {
      String schema =
          JSON.readTree(exchange.getRequestBody().readAllBytes()).get("schema").asText();
      body = Map.of("id", id(schema));
      code = 200;
    } else if (status == 200 && path.startsWith("/schemas/ids/")) {
      int id = Integer.parseInt(path.substring("/schemas/ids/".length()));
      synchronized (schemas) {
        if (id >= 1 && id <= schemas.size()) {
          body = Map.of("schema", schemas.get(id - 1));
          code = 200;
        }
      }
    }
    byte[] bytes = JSON.writeValueAsString(body).getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().add("Content-Type", "application/vnd.schemaregistry.v1+json");
    exchange.sendResponseHeaders(code, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private int id(String schema) {
    synchronized (schemas) {
      if (!schemas.contains(schema)) {
        schemas.add(schema);
      }
      return schemas.indexOf(schema) + 1;
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
