// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;

/**
 * A registry over real HTTP that does what a test says: it gives ids and schemas back, and before
 * that whatever failures were queued.
 */
final class ScriptedRegistry implements AutoCloseable {
  /** An answer queued before the ordinary ones. */
  record Failure(int status, String body, Map<String, String> headers) {}

  /** A request that came. */
  record Request(String line, String authorization, String body) {}

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final String scheme;
  private final List<String> schemas = new ArrayList<>();
  private final Deque<Failure> failures = new ConcurrentLinkedDeque<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();

  private ScriptedRegistry(HttpServer server, String scheme) {
    this.server = server;
    this.scheme = scheme;
    server.createContext("/", this::handle);
    server.start();
  }

  static ScriptedRegistry http() throws IOException {
    return new ScriptedRegistry(HttpServer.create(loopback(), 0), "http");
  }

  static ScriptedRegistry https(SSLContext context, boolean clientCertificate) throws IOException {
    HttpsServer server = HttpsServer.create(loopback(), 0);
    server.setHttpsConfigurator(
        new HttpsConfigurator(context) {
          @Override
          public void configure(HttpsParameters parameters) {
            SSLParameters ssl = context.getDefaultSSLParameters();
            ssl.setNeedClientAuth(clientCertificate);
            parameters.setSSLParameters(ssl);
          }
        });
    return new ScriptedRegistry(server, "https");
  }

  private static InetSocketAddress loopback() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  String url() {
    return scheme + "://" + hostAndPort();
  }

  String hostAndPort() {
    return "localhost:" + server.getAddress().getPort();
  }

  /** Gives the schema an id, from 1. */
  synchronized int add(String schema) {
    int known = schemas.indexOf(schema);
    if (known < 0) {
      schemas.add(schema);
      return schemas.size();
    }
    return known + 1;
  }

  synchronized String schema(int id) {
    return schemas.get(id - 1);
  }

  ScriptedRegistry fail(int status, String body) {
    failures.add(new Failure(status, body, Map.of()));
    return this;
  }

  ScriptedRegistry fail(int status, String body, Map<String, String> headers) {
    failures.add(new Failure(status, body, headers));
    return this;
  }

  List<Request> requests() {
    return requests;
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getRawPath();
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      requests.add(
          new Request(
              exchange.getRequestMethod() + " " + path,
              exchange.getRequestHeaders().getFirst("Authorization"),
              body));
      Failure failure = failures.poll();
      if (failure != null) {
        failure.headers().forEach(exchange.getResponseHeaders()::set);
        answer(exchange, failure.status(), failure.body());
        return;
      }
      ObjectNode answer = JSON.createObjectNode();
      if (path.startsWith("/schemas/ids/")) {
        int id = Integer.parseInt(path.substring("/schemas/ids/".length()));
        synchronized (this) {
          if (id > schemas.size()) {
            answer(exchange, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
            return;
          }
          answer.put("schema", schemas.get(id - 1));
        }
      } else if (path.startsWith("/compatibility/")) {
        answer.put("is_compatible", true);
      } else {
        JsonNode request = JSON.readTree(body);
        answer.put("id", add(request.path("schema").asText()));
      }
      answer(exchange, 200, answer.toString());
    }
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange
        .getResponseHeaders()
        .putIfAbsent("Content-Type", List.of(RegistryTransport.CONTENT_TYPE));
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
