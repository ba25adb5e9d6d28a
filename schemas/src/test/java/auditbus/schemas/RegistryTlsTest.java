// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.avro.Schema;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The client over TLS against the JDK's own server, with certificates made by keytool. */
@Timeout(120)
class RegistryTlsTest {
  private static final Schema STRING = Schema.create(Schema.Type.STRING);
  private static final String PASSWORD = "change-it";

  @TempDir private static Path directory;
  private static Path serverKeys;
  private static Path serverTrust;
  private static Path clientKeys;
  private static Path clientTrust;
  private static Path otherKeys;

  @BeforeAll
  static void makeCertificates() throws Exception {
    serverKeys = keys("server", "san=dns:localhost,ip:127.0.0.1");
    clientKeys = keys("client", "san=dns:client");
    otherKeys = keys("other", "san=dns:elsewhere.example");
    serverTrust = trust("client", clientKeys);
    clientTrust = trust("server", serverKeys);
  }

  private static Path keys(String name, String extension) throws Exception {
    Path store = directory.resolve(name + ".p12");
    keytool(
        "-genkeypair",
        "-alias",
        name,
        "-keyalg",
        "EC",
        "-dname",
        "CN=" + name,
        "-ext",
        extension,
        "-validity",
        "2",
        "-keystore",
        store.toString(),
        "-storetype",
        "PKCS12");
    return store;
  }

  private static Path trust(String name, Path keys) throws Exception {
    Path certificate = directory.resolve(name + ".crt");
    Path store = directory.resolve("trusts-" + name + ".p12");
    keytool(
        "-exportcert",
        "-alias",
        name,
        "-keystore",
        keys.toString(),
        "-file",
        certificate.toString());
    keytool(
        "-importcert",
        "-noprompt",
        "-alias",
        name,
        "-file",
        certificate.toString(),
        "-keystore",
        store.toString(),
        "-storetype",
        "PKCS12");
    return store;
  }

  private static void keytool(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("-storepass", PASSWORD));
    Path out = directory.resolve("keytool.out");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(out)).isZero();
  }

  private static SSLContext context(Path keys) throws Exception {
    KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(load(keys), PASSWORD.toCharArray());
    TrustManagerFactory others =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    others.init(load(serverTrust));
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(own.getKeyManagers(), others.getTrustManagers(), null);
    return context;
  }

  private static KeyStore load(Path file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      store.load(in, PASSWORD.toCharArray());
    }
    return store;
  }

  private static SchemaRegistryClient client(
      ScriptedRegistry server, Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(settings);
    all.put(SchemaRegistryConfig.URL, server.url());
    all.put(SchemaRegistryConfig.RETRY_TIMEOUT, "5000");
    return new SchemaRegistryClient(all);
  }

  private static Map<String, String> trusting(Path store) {
    return Map.of(
        SchemaRegistryConfig.TRUSTSTORE_LOCATION,
        store.toString(),
        SchemaRegistryConfig.TRUSTSTORE_PASSWORD,
        PASSWORD);
  }

  @Test
  void client_trustsItsTrustStore() throws Exception {
    try (ScriptedRegistry server = ScriptedRegistry.https(context(serverKeys), false)) {
      Map<String, String> settings = new HashMap<>(trusting(clientTrust));
      settings.put(SchemaRegistryConfig.BASIC_SOURCE, "USER_INFO");
      settings.put(SchemaRegistryConfig.BASIC_USER_INFO, "user:secret");
      SchemaRegistryClient client = client(server, settings);
      assertThat(client.register("a-value", STRING)).isEqualTo(1);
      assertThat(client.schemaById(1)).isEqualTo(STRING);
      assertThat(server.requests().getFirst().authorization()).isEqualTo("Basic dXNlcjpzZWNyZXQ=");
    }
  }

  @Test
  void client_refusesAStrangersCertificateAtOnce() throws Exception {
    try (ScriptedRegistry server = ScriptedRegistry.https(context(serverKeys), false)) {
      assertThatThrownBy(() -> client(server, Map.of()).register("a-value", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining("no TLS with " + server.url())
          .hasMessageContaining(SchemaRegistryConfig.TRUSTSTORE_LOCATION)
          .satisfies(e -> assertThat(SchemaRegistryException.isRetriable(e)).isFalse());
      assertThat(server.requests()).isEmpty();
    }
  }

  @Test
  void client_refusesACertificateOfAnotherName() throws Exception {
    try (ScriptedRegistry server = ScriptedRegistry.https(context(otherKeys), false)) {
      assertThatThrownBy(
              () -> client(server, trusting(trust("other", otherKeys))).register("a-value", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining("no TLS with " + server.url());
      assertThat(server.requests()).isEmpty();
    }
  }

  @Test
  void client_showsItsOwnCertificateWhereItIsAskedFor() throws Exception {
    try (ScriptedRegistry server = ScriptedRegistry.https(context(serverKeys), true)) {
      Map<String, String> settings = new HashMap<>(trusting(clientTrust));
      assertThatThrownBy(() -> client(server, settings).register("a-value", STRING))
          .isInstanceOf(SchemaRegistryException.class);
      settings.put(SchemaRegistryConfig.KEYSTORE_LOCATION, clientKeys.toString());
      settings.put(SchemaRegistryConfig.KEYSTORE_PASSWORD, PASSWORD);
      assertThat(client(server, settings).register("a-value", STRING)).isEqualTo(1);
    }
  }

  @Test
  void client_namesAStoreItCannotRead() throws Exception {
    try (ScriptedRegistry server = ScriptedRegistry.https(context(serverKeys), false)) {
      assertThatThrownBy(
              () ->
                  client(server, trusting(directory.resolve("missing.p12"))).register("a", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining("missing.p12");
      Map<String, String> wrong = new HashMap<>(trusting(clientTrust));
      wrong.put(SchemaRegistryConfig.TRUSTSTORE_PASSWORD, "secret");
      assertThatThrownBy(() -> client(server, wrong).register("a", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining(clientTrust.toString())
          .hasMessageNotContaining("secret");
      Map<String, String> without =
          Map.of(SchemaRegistryConfig.TRUSTSTORE_LOCATION, clientTrust.toString());
      assertThatThrownBy(() -> client(server, without).register("a", STRING))
          .isInstanceOf(SchemaRegistryException.class)
          .hasMessageContaining("without a password");
    }
  }
}
