// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;

/** The two requests of a schema registry the sink's way needs: register, and fetch by id. */
final class TestRegistry implements AutoCloseable {
  private final HttpServer server;
  private final List<String> schemas = new ArrayList<>();

  TestRegistry() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/schemas/ids/", this::fetch);
    server.createContext("/subjects/", this::register);
    server.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private synchronized void fetch(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    int id = Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    if (id < 1 || id > schemas.size()) {
      answer(exchange, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    } else {
      answer(exchange, 200, "{\"schema\":" + quoted(schemas.get(id - 1)) + "}");
    }
  }

  private synchronized void register(HttpExchange exchange) throws IOException {
    // Whatever the request's spacing, it holds one of the schemas of the two topics.
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    Schema schema =
        body.contains("\\\"name\\\":\\\"AuditEvent\\\"")
            ? auditbus.schemas.Topics.EVENTS.schema()
            : auditbus.schemas.Topics.TRAILS.schema();
    if (!schemas.contains(schema.toString())) {
      schemas.add(schema.toString());
    }
    int id = schemas.indexOf(schema.toString()) + 1;
    answer(exchange, 200, "{\"id\":" + id + "}");
  }

  private static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  private static void answer(HttpExchange exchange, int status, String json) throws IOException {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/vnd.schemaregistry.v1+json");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
