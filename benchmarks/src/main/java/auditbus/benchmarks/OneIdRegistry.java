// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryConfig;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** A registry that gives every schema the id 1, so that the real serializer can be measured. */
public final class OneIdRegistry {
  private OneIdRegistry() {}

  /** A client that was given its id once and asks no more for the schemas in use. */
  public static SchemaRegistryClient client() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] answer = "{\"id\":1}".getBytes(StandardCharsets.US_ASCII);
          try (exchange) {
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
          }
        });
    server.start();
    return new SchemaRegistryClient(
        Map.of(SchemaRegistryConfig.URL, "http://localhost:" + server.getAddress().getPort()));
  }
}
