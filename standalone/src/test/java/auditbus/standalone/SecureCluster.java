// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.TopicAdmin;
import auditbus.schemas.Topics;
import auditbus.standalone.registry.EmbeddedRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;

/**
 * A broker with no way in but TLS: one listener for who has a certificate, one for who has a SCRAM
 * password, and the ACLs of {@code schemas/etc/acls.sh}, set by that script.
 */
final class SecureCluster implements AutoCloseable {
  static final List<String> PRINCIPALS = List.of("agent", "streams", "sink", "reader");

  /** By what a client says who it is. */
  enum Access {
    CERTIFICATE,
    PASSWORD
  }

  private static final String BROKER_PASSWORD = "of-the-stores-4711";
  private static final String REGISTRY_USER = "auditbus";
  private static final String REGISTRY_PASSWORD = "of-the-registry-0815";

  private final Certificates certificates;
  private final Certificates foreign;
  private final EmbeddedKafka kafka;
  private final EmbeddedRegistry registry;
  private final PasswordGate gate;
  private final Map<String, String> passwords = new HashMap<>();
  private final int certificatePort = Ports.free();
  private final int passwordPort = Ports.free();

  SecureCluster(Path directory) throws Exception {
    certificates = new Certificates(directory.resolve("keys"), "authority", BROKER_PASSWORD);
    certificates.sign("broker", "-ext", "san=dns:localhost,ip:127.0.0.1");
    certificates.sign("admin");
    for (String principal : PRINCIPALS) {
      certificates.sign(principal);
      passwords.put(principal, principal + "-scram-" + Long.toHexString(System.nanoTime()));
    }
    foreign = new Certificates(directory.resolve("foreign"), "elsewhere", BROKER_PASSWORD);
    foreign.sign("agent");
    kafka = new EmbeddedKafka(directory.resolve("kafka"), certificatePort, settings());
    kafka.open();
    try (Admin admin = admin()) {
      List<UserScramCredentialAlteration> users =
          passwords.entrySet().stream()
              .<UserScramCredentialAlteration>map(
                  user ->
                      new UserScramCredentialUpsertion(
                          user.getKey(),
                          new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096),
                          user.getValue()))
              .toList();
      admin.alterUserScramCredentials(users).all().get(30, TimeUnit.SECONDS);
      new TopicAdmin(admin).create(2, 1);
    }
    setAcls(Files.createDirectories(directory.resolve("acls")));
    registry =
        EmbeddedRegistry.open(
            Map.copyOf(client("admin", Access.CERTIFICATE)),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    SchemaRegistryClient first =
        new SchemaRegistryClient(Map.of("schema.registry.url", registry.uri().toString()));
    for (Topics topic : Topics.values()) {
      var _ = first.register(topic.subject(), topic.schema());
    }
    gate = new PasswordGate(registry.uri(), REGISTRY_USER + ":" + REGISTRY_PASSWORD);
  }

  private Map<String, String> settings() throws IOException {
    Map<String, String> settings = new HashMap<>();
    int controller = Ports.free();
    String listeners =
        "CERTIFICATE://127.0.0.1:%d,PASSWORD://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d"
            .formatted(certificatePort, passwordPort, controller);
    settings.put("listeners", listeners);
    settings.put("advertised.listeners", listeners);
    settings.put(
        "listener.security.protocol.map", "CERTIFICATE:SSL,PASSWORD:SASL_SSL,CONTROLLER:SSL");
    settings.put("inter.broker.listener.name", "CERTIFICATE");
    settings.put("controller.quorum.bootstrap.servers", "127.0.0.1:" + controller);
    settings.putAll(stores(certificates.store("broker"), certificates.trust()));
    settings.put("ssl.client.auth", "required");
    settings.put("ssl.principal.mapping.rules", "RULE:^CN=([a-z]+)$/$1/");
    settings.put("sasl.enabled.mechanisms", "SCRAM-SHA-512");
    settings.put("listener.name.password.ssl.client.auth", "none");
    settings.put("listener.name.password.sasl.enabled.mechanisms", "SCRAM-SHA-512");
    settings.put(
        "listener.name.password.scram-sha-512.sasl.jaas.config",
        "org.apache.kafka.common.security.scram.ScramLoginModule required;");
    settings.put(
        "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    settings.put("allow.everyone.if.no.acl.found", "false");
    settings.put("super.users", "User:broker;User:admin");
    return settings;
  }

  private static Map<String, String> stores(Path keys, Path trust) {
    Map<String, String> stores = new HashMap<>(trust(trust));
    stores.put("ssl.keystore.type", "PKCS12");
    stores.put("ssl.keystore.location", keys.toString());
    stores.put("ssl.keystore.password", BROKER_PASSWORD);
    stores.put("ssl.key.password", BROKER_PASSWORD);
    return stores;
  }

  private static Map<String, String> trust(Path trust) {
    return Map.of(
        "ssl.truststore.type",
        "PKCS12",
        "ssl.truststore.location",
        trust.toString(),
        "ssl.truststore.password",
        BROKER_PASSWORD);
  }

  /** By the script an operator runs, with Kafka's own command. */
  private void setAcls(Path directory) throws Exception {
    Path config = directory.resolve("admin.properties");
    Files.write(
        config,
        client("admin", Access.CERTIFICATE).entrySet().stream()
            .map(setting -> setting.getKey() + "=" + setting.getValue())
            .toList());
    Path command = directory.resolve("kafka-acls.sh");
    Files.writeString(
        command,
        "#!/bin/sh\nexec '%s/bin/java' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx128m -cp '%s' org.apache.kafka.tools.AclCommand \"$@\"\n"
            .formatted(System.getProperty("java.home"), System.getProperty("java.class.path")));
    Files.setPosixFilePermissions(command, PosixFilePermissions.fromString("rwx------"));
    Path out = directory.resolve("out");
    ProcessBuilder script =
        new ProcessBuilder("bash", Path.of("..", "schemas", "etc", "acls.sh").toString())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile());
    script.environment().put("BOOTSTRAP", kafka.bootstrap());
    script.environment().put("CONFIG", config.toString());
    script.environment().put("ACLS", command.toString());
    Process process = script.start();
    assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(out)).isZero();
  }

  Admin admin() {
    return Admin.create(Map.copyOf(client("admin", Access.CERTIFICATE)));
  }

  /** Settings of a client that is who it says; secrets in plain. */
  Map<String, String> client(String principal, Access access) {
    return switch (access) {
      case CERTIFICATE -> {
        Map<String, String> client = stores(certificates.store(principal), certificates.trust());
        client.put("bootstrap.servers", kafka.bootstrap());
        client.put("security.protocol", "SSL");
        yield client;
      }
      case PASSWORD -> scram(principal, passwords.get(principal));
    };
  }

  Map<String, String> scram(String user, String password) {
    Map<String, String> client = new HashMap<>(trust(certificates.trust()));
    client.put("bootstrap.servers", "127.0.0.1:" + passwordPort);
    client.put("security.protocol", "SASL_SSL");
    client.put("sasl.mechanism", "SCRAM-SHA-512");
    client.put(
        "sasl.jaas.config",
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";"
            .formatted(user, password));
    return client;
  }

  /** One that trusts the broker and shows no certificate. */
  Map<String, String> nobody() {
    Map<String, String> client = new HashMap<>(trust(certificates.trust()));
    client.put("bootstrap.servers", kafka.bootstrap());
    client.put("security.protocol", "SSL");
    return client;
  }

  /** One whose certificate says it is the agent, signed by somebody else. */
  Map<String, String> foreigner() {
    Map<String, String> client = nobody();
    Map<String, String> own = stores(foreign.store("agent"), certificates.trust());
    client.putAll(own);
    return client;
  }

  /** Every secret of clients there is. */
  Map<String, String> secrets() {
    Map<String, String> secrets =
        passwords.entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    secrets.put("stores", BROKER_PASSWORD);
    secrets.put("registry", REGISTRY_PASSWORD);
    return secrets;
  }

  /**
   * What a client needs for the registry, which lets nobody in without.
   *
   * @param password the password, or a variable in its place
   */
  Map<String, String> registry(String password) {
    return Map.of(
        "schema.registry.url",
        gate.url(),
        "basic.auth.credentials.source",
        "USER_INFO",
        "basic.auth.user.info",
        REGISTRY_USER + ":" + password);
  }

  /** For the test itself: the registry without its gate. */
  String openRegistryUrl() {
    return registry.uri().toString();
  }

  /** How often the registry let somebody not in. */
  int refusedByRegistry() {
    return gate.refused();
  }

  @Override
  public void close() throws IOException {
    gate.close();
    registry.close();
    kafka.close();
  }
}
