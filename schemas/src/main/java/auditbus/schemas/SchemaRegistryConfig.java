// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.ValidString;

/**
 * The settings of {@link SchemaRegistryClient} and the serializers: Confluent's names where
 * Confluent has one, so that one Kafka configuration serves either's serializers.
 *
 * <p>Thread-safe: immutable.
 */
public final class SchemaRegistryConfig extends AbstractConfig {
  /** Comma-separated URLs of the registry's nodes. */
  public static final String URL = "schema.registry.url";

  /** Whether the serializer registers a schema it finds missing. */
  public static final String AUTO_REGISTER = "auto.register.schemas";

  /** Where basic credentials come from. */
  public static final String BASIC_SOURCE = "basic.auth.credentials.source";

  /** Basic credentials. */
  public static final String BASIC_USER_INFO = "basic.auth.user.info";

  /** Where a bearer token comes from. */
  public static final String BEARER_SOURCE = "bearer.auth.credentials.source";

  /** The bearer token. */
  public static final String BEARER_TOKEN = "bearer.auth.token";

  /** The trust store's file. */
  public static final String TRUSTSTORE_LOCATION = "schema.registry.ssl.truststore.location";

  /** The trust store's password. */
  public static final String TRUSTSTORE_PASSWORD = "schema.registry.ssl.truststore.password";

  /** The trust store's type. */
  public static final String TRUSTSTORE_TYPE = "schema.registry.ssl.truststore.type";

  /** The key store's file. */
  public static final String KEYSTORE_LOCATION = "schema.registry.ssl.keystore.location";

  /** The key store's password. */
  public static final String KEYSTORE_PASSWORD = "schema.registry.ssl.keystore.password";

  /** The key store's type. */
  public static final String KEYSTORE_TYPE = "schema.registry.ssl.keystore.type";

  /** The password of the key inside the key store. */
  public static final String KEY_PASSWORD = "schema.registry.ssl.key.password";

  /** Longest wait for a connection, in milliseconds. */
  public static final String CONNECT_TIMEOUT = "schema.registry.connect.timeout.ms";

  /** Longest wait for an answer, in milliseconds. */
  public static final String READ_TIMEOUT = "schema.registry.read.timeout.ms";

  /** Longest time one operation retries, in milliseconds. */
  public static final String RETRY_TIMEOUT = "schema.registry.retry.timeout.ms";

  /** First pause between two rounds of attempts, in milliseconds. */
  public static final String RETRY_BACKOFF = "schema.registry.retry.backoff.ms";

  /** Longest pause between two rounds of attempts, in milliseconds. */
  public static final String RETRY_BACKOFF_MAX = "schema.registry.retry.backoff.max.ms";

  private static final ConfigDef DEFINITION =
      new ConfigDef()
          .define(
              URL,
              ConfigDef.Type.LIST,
              ConfigDef.NO_DEFAULT_VALUE,
              Importance.HIGH,
              "Comma-separated URLs (http or https) of the schema registry's nodes; the next is tried where one fails.")
          .define(
              AUTO_REGISTER,
              ConfigDef.Type.BOOLEAN,
              true,
              Importance.MEDIUM,
              "Whether the serializer registers a missing schema; if false it is only looked up, and missing is an error.")
          .define(
              BASIC_SOURCE,
              ConfigDef.Type.STRING,
              "URL",
              ValidString.in("URL", "USER_INFO"),
              Importance.MEDIUM,
              "Where basic credentials come from: URL (user:password@ in the URL, if any) or USER_INFO (basic.auth.user.info).")
          .define(
              BASIC_USER_INFO,
              ConfigDef.Type.PASSWORD,
              null,
              Importance.MEDIUM,
              "user:password for basic authentication with USER_INFO.")
          .define(
              BEARER_SOURCE,
              ConfigDef.Type.STRING,
              "NONE",
              ValidString.in("NONE", "STATIC_TOKEN"),
              Importance.LOW,
              "Where a bearer token comes from: NONE or STATIC_TOKEN (bearer.auth.token); it takes the place of basic credentials.")
          .define(
              BEARER_TOKEN,
              ConfigDef.Type.PASSWORD,
              null,
              Importance.LOW,
              "The token with STATIC_TOKEN.")
          .define(
              TRUSTSTORE_LOCATION,
              ConfigDef.Type.STRING,
              null,
              Importance.MEDIUM,
              "File of the certificates that are trusted over https; without it, those of the JDK.")
          .define(
              TRUSTSTORE_PASSWORD,
              ConfigDef.Type.PASSWORD,
              null,
              Importance.MEDIUM,
              "Password of the trust store; without it the store is read unchecked.")
          .define(
              TRUSTSTORE_TYPE,
              ConfigDef.Type.STRING,
              "PKCS12",
              Importance.LOW,
              "Type of the trust store: PKCS12 or JKS.")
          .define(
              KEYSTORE_LOCATION,
              ConfigDef.Type.STRING,
              null,
              Importance.MEDIUM,
              "File of the client's own key and certificate, where the registry asks for one.")
          .define(
              KEYSTORE_PASSWORD,
              ConfigDef.Type.PASSWORD,
              null,
              Importance.MEDIUM,
              "Password of the key store.")
          .define(
              KEYSTORE_TYPE,
              ConfigDef.Type.STRING,
              "PKCS12",
              Importance.LOW,
              "Type of the key store: PKCS12 or JKS.")
          .define(
              KEY_PASSWORD,
              ConfigDef.Type.PASSWORD,
              null,
              Importance.LOW,
              "Password of the key in the key store; without it, the key store's.")
          .define(
              CONNECT_TIMEOUT,
              ConfigDef.Type.INT,
              5_000,
              ConfigDef.Range.atLeast(1),
              Importance.LOW,
              "Longest wait for a connection to one node, in milliseconds.")
          .define(
              READ_TIMEOUT,
              ConfigDef.Type.INT,
              10_000,
              ConfigDef.Range.atLeast(1),
              Importance.LOW,
              "Longest wait for one node's answer, in milliseconds.")
          .define(
              RETRY_TIMEOUT,
              ConfigDef.Type.LONG,
              30_000L,
              ConfigDef.Range.atLeast(0),
              Importance.MEDIUM,
              "How long one operation goes on trying all nodes, in milliseconds; 0 tries each once.")
          .define(
              RETRY_BACKOFF,
              ConfigDef.Type.LONG,
              100L,
              ConfigDef.Range.atLeast(1),
              Importance.LOW,
              "First pause after all nodes failed, in milliseconds; it doubles, with jitter.")
          .define(
              RETRY_BACKOFF_MAX,
              ConfigDef.Type.LONG,
              2_000L,
              ConfigDef.Range.atLeast(1),
              Importance.LOW,
              "Longest pause after all nodes failed, in milliseconds.");

  /**
   * Reads the settings; keys of others are ignored.
   *
   * @throws org.apache.kafka.common.config.ConfigException naming the key that is missing or wrong
   */
  public SchemaRegistryConfig(Map<String, ?> settings) {
    super(DEFINITION, settings, false);
  }

  /** The table of all settings; a copy. */
  public static ConfigDef definition() {
    return new ConfigDef(DEFINITION);
  }

  String secret(String key) {
    return getPassword(key) == null ? null : getPassword(key).value();
  }
}
