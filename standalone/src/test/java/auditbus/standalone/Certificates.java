// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** An authority and what it signs, made by the JDK's keytool; one password opens all stores. */
final class Certificates {
  private final Path directory;
  private final String authority;
  private final String password;

  /** Makes the authority. */
  Certificates(Path directory, String authority, String password) throws Exception {
    this.directory = Files.createDirectories(directory);
    this.authority = authority;
    this.password = password;
    pair(authority, "-ext", "bc:c=ca:true");
    keytool(store(authority), "-exportcert", "-rfc", "-alias", authority, "-file", pem(authority));
    keytool(trust(), "-importcert", "-noprompt", "-alias", authority, "-file", pem(authority));
  }

  /** The store that trusts the authority. */
  Path trust() {
    return directory.resolve("trust-" + authority + ".p12");
  }

  /** Where the key of a name is, with its certificate. */
  Path store(String name) {
    return directory.resolve(name + ".p12");
  }

  /** Makes a key and has it signed. */
  void sign(String name, String... extensions) throws Exception {
    pair(name);
    String request = directory.resolve(name + ".csr").toString();
    keytool(store(name), "-certreq", "-alias", name, "-file", request);
    List<String> signing =
        new ArrayList<>(
            List.of("-gencert", "-rfc", "-alias", authority, "-infile", request, "-validity", "2"));
    signing.addAll(List.of("-outfile", pem(name)));
    signing.addAll(List.of(extensions));
    keytool(store(authority), signing.toArray(new String[0]));
    keytool(store(name), "-importcert", "-noprompt", "-alias", authority, "-file", pem(authority));
    keytool(store(name), "-importcert", "-noprompt", "-alias", name, "-file", pem(name));
  }

  private void pair(String name, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of("-genkeypair", "-alias", name, "-keyalg", "EC", "-dname", "CN=" + name));
    arguments.addAll(List.of("-validity", "2"));
    arguments.addAll(List.of(more));
    keytool(store(name), arguments.toArray(new String[0]));
  }

  private String pem(String name) {
    return directory.resolve(name + ".pem").toString();
  }

  private void keytool(Path store, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.add("-J-XX:TieredStopAtLevel=1");
    command.addAll(List.of(arguments));
    command.addAll(
        List.of("-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", password));
    Path out = directory.resolve("keytool.out");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as("%s: %s", command, Files.readString(out)).isZero();
  }
}
