// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.config.ConfigException;

/**
 * One node of a schema registry: its URL without credentials or trailing slash, and the
 * Authorization header its requests carry.
 *
 * <p>Thread-safe: immutable.
 *
 * @param url safe to print
 * @param authorization null where the node asks for none; never printed
 */
record RegistryNode(String url, String authorization) {

  /** The configured nodes, in order. */
  static List<RegistryNode> of(SchemaRegistryConfig config) {
    String everywhere = authorization(config);
    List<RegistryNode> nodes = new ArrayList<>();
    for (String configured : config.getList(SchemaRegistryConfig.URL)) {
      String address = configured.trim();
      if (!address.isEmpty()) {
        nodes.add(of(address, nodes.size() + 1, everywhere));
      }
    }
    if (nodes.isEmpty()) {
      throw new ConfigException(SchemaRegistryConfig.URL + " names no URL");
    }
    return List.copyOf(nodes);
  }

  private static RegistryNode of(String address, int number, String everywhere) {
    URI uri;
    try {
      uri = new URI(address);
    } catch (URISyntaxException e) {
      // The exception and the address may hold a password: neither is repeated.
      throw wrong(number, "is not a URL (" + e.getReason() + " at index " + e.getIndex() + ")");
    }
    String scheme = uri.getScheme();
    if (!"http".equalsIgnoreCase(scheme) && !"https".equalsIgnoreCase(scheme)) {
      throw wrong(number, "must start with http:// or https://");
    }
    if (uri.getHost() == null) {
      throw wrong(
          number,
          "names no host (a character that is not allowed in a URL must be percent-encoded)");
    }
    if (uri.getRawQuery() != null || uri.getRawFragment() != null) {
      throw wrong(number, "must have no query and no fragment");
    }
    StringBuilder url = new StringBuilder(scheme).append("://").append(uri.getHost());
    if (uri.getPort() != -1) {
      url.append(':').append(uri.getPort());
    }
    url.append(uri.getRawPath() == null ? "" : uri.getRawPath());
    while (url.charAt(url.length() - 1) == '/') {
      url.setLength(url.length() - 1);
    }
    String own = uri.getUserInfo() == null ? null : basic(uri.getUserInfo());
    return new RegistryNode(url.toString(), everywhere != null ? everywhere : own);
  }

  /** What is configured for all nodes, null if nothing. */
  private static String authorization(SchemaRegistryConfig config) {
    if (config.getString(SchemaRegistryConfig.BEARER_SOURCE).equals("STATIC_TOKEN")) {
      return "Bearer "
          + required(config, SchemaRegistryConfig.BEARER_TOKEN, SchemaRegistryConfig.BEARER_SOURCE);
    }
    if (config.getString(SchemaRegistryConfig.BASIC_SOURCE).equals("USER_INFO")) {
      return basic(
          required(
              config, SchemaRegistryConfig.BASIC_USER_INFO, SchemaRegistryConfig.BASIC_SOURCE));
    }
    return null;
  }

  private static String required(SchemaRegistryConfig config, String key, String because) {
    String value = config.secret(key);
    if (value == null || value.isBlank()) {
      throw new ConfigException(
          key + " is missing: " + because + "=" + config.getString(because) + " needs it");
    }
    return value.strip();
  }

  private static String basic(String userInfo) {
    return "Basic " + Base64.getEncoder().encodeToString(userInfo.getBytes(StandardCharsets.UTF_8));
  }

  private static ConfigException wrong(int number, String what) {
    return new ConfigException(SchemaRegistryConfig.URL + ": URL number " + number + " " + what);
  }

  @Override
  public String toString() {
    return url;
  }
}
