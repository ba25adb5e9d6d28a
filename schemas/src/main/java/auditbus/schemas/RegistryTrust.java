// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Makes the TLS sockets' factory from the configured trust and key stores. */
final class RegistryTrust {
  private RegistryTrust() {}

  /**
   * The factory of the configured stores, the JDK's where none is configured.
   *
   * @throws SchemaRegistryException naming the store that cannot be read
   */
  static SSLSocketFactory open(SchemaRegistryConfig config) {
    String trust = config.getString(SchemaRegistryConfig.TRUSTSTORE_LOCATION);
    String keys = config.getString(SchemaRegistryConfig.KEYSTORE_LOCATION);
    try {
      if (trust == null && keys == null) {
        return SSLContext.getDefault().getSocketFactory();
      }
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(
          keys == null ? null : keyManagers(config, keys),
          trust == null ? null : trustManagers(config, trust),
          null);
      return context.getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new SchemaRegistryException(
          "cannot set up TLS for the schema registry: " + e.getMessage(), false, e);
    }
  }

  private static TrustManager[] trustManagers(SchemaRegistryConfig config, String file)
      throws GeneralSecurityException {
    KeyStore store =
        load(
            file,
            config.getString(SchemaRegistryConfig.TRUSTSTORE_TYPE),
            config.secret(SchemaRegistryConfig.TRUSTSTORE_PASSWORD),
            SchemaRegistryConfig.TRUSTSTORE_LOCATION);
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }

  private static KeyManager[] keyManagers(SchemaRegistryConfig config, String file)
      throws GeneralSecurityException {
    String password = config.secret(SchemaRegistryConfig.KEYSTORE_PASSWORD);
    KeyStore store =
        load(
            file,
            config.getString(SchemaRegistryConfig.KEYSTORE_TYPE),
            password,
            SchemaRegistryConfig.KEYSTORE_LOCATION);
    String keyPassword = config.secret(SchemaRegistryConfig.KEY_PASSWORD);
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, characters(keyPassword == null ? password : keyPassword));
    return factory.getKeyManagers();
  }

  private static KeyStore load(String file, String type, String password, String key)
      throws GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(type);
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      store.load(in, characters(password));
    } catch (IOException e) {
      throw new SchemaRegistryException(
          "cannot read %s=%s as %s: %s (is the file readable, are its type and password right?)"
              .formatted(key, file, type, e),
          false,
          e);
    }
    if (store.size() == 0) {
      // A PKCS12 store whose certificates are encrypted looks empty without its password.
      throw new SchemaRegistryException(
          "%s=%s (%s) holds no entry that can be read%s"
              .formatted(key, file, type, password == null ? " without a password" : ""),
          false,
          null);
    }
    return store;
  }

  private static char[] characters(String password) {
    return password == null ? null : password.toCharArray();
  }
}
