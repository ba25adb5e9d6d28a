// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSocketFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends a request to a registry's nodes until one gives an answer that another attempt would not
 * change, or the time for it is over.
 *
 * <p>Another attempt is made after a failed connection, a status of 500 or more, 408 and 429: first
 * at the next node, and after all of them following a pause that doubles up to its limit, with
 * jitter. The node that answered last is asked first.
 *
 * <p>Design note: {@code HttpURLConnection} and not {@code java.net.http}, whose classes and
 * threads cost an agent's start 170 ms and 12 MB.
 *
 * <p>Thread-safe.
 */
final class RegistryTransport {
  static final String CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

  /** Largest answer that is read; a schema is some ten KiB. */
  static final int MAX_ANSWER_BYTES = 16 * 1024 * 1024;

  private static final Logger LOG = LoggerFactory.getLogger(RegistryTransport.class);

  /** Waits; a test's one may not. */
  interface Pause {
    void millis(long millis) throws InterruptedException;
  }

  /**
   * What a node answered.
   *
   * @param node the node's URL
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on once, compared never.
  record Answer(String node, int status, byte[] body, long retryAfterMillis) {
    boolean ok() {
      return status >= 200 && status < 300;
    }

    boolean retriable() {
      return status >= 500 || status == 429 || status == 408;
    }
  }

  private final List<RegistryNode> nodes;
  private final SchemaRegistryConfig config;
  private final int connectMillis;
  private final int readMillis;
  private final long retryMillis;
  private final long backoffMillis;
  private final long backoffMaxMillis;
  private final LongSupplier nanoTime;
  private final Pause pause;
  private volatile int preferred;
  private volatile SSLSocketFactory sockets;

  RegistryTransport(SchemaRegistryConfig config, LongSupplier nanoTime, Pause pause) {
    this.nodes = RegistryNode.of(config);
    this.config = config;
    this.connectMillis = config.getInt(SchemaRegistryConfig.CONNECT_TIMEOUT);
    this.readMillis = config.getInt(SchemaRegistryConfig.READ_TIMEOUT);
    this.retryMillis = config.getLong(SchemaRegistryConfig.RETRY_TIMEOUT);
    this.backoffMillis = config.getLong(SchemaRegistryConfig.RETRY_BACKOFF);
    this.backoffMaxMillis =
        Math.max(backoffMillis, config.getLong(SchemaRegistryConfig.RETRY_BACKOFF_MAX));
    this.nanoTime = nanoTime;
    this.pause = pause;
  }

  List<RegistryNode> nodes() {
    return nodes;
  }

  /**
   * Asks until there is an answer that stands.
   *
   * @param body null for none
   * @return an answer that is not {@link Answer#retriable()}
   * @throws SchemaRegistryException if the time is over, the thread is interrupted or TLS is
   *     refused
   */
  Answer ask(String method, String path, byte[] body) {
    long begin = nanoTime.getAsLong();
    long backoff = backoffMillis;
    int attempts = 0;
    while (true) {
      long retryAfterMillis = 0;
      String failure = null;
      IOException cause = null;
      int status = 0;
      int first = preferred;
      for (int i = 0; i < nodes.size(); i++) {
        int index = (first + i) % nodes.size();
        RegistryNode node = nodes.get(index);
        attempts++;
        try {
          Answer answer = attempt(node, method, path, body, remainingMillis(begin));
          if (!answer.retriable()) {
            preferred = index;
            return answer;
          }
          status = answer.status();
          cause = null;
          failure = node.url() + " answered HTTP " + status;
          retryAfterMillis = Math.max(retryAfterMillis, answer.retryAfterMillis());
        } catch (SSLHandshakeException | SSLPeerUnverifiedException e) {
          throw new SchemaRegistryException(
              "%s %s: no TLS with %s: %s. Check %s and the names in the registry's certificate."
                  .formatted(
                      method,
                      path,
                      node.url(),
                      e.getMessage(),
                      SchemaRegistryConfig.TRUSTSTORE_LOCATION),
              false,
              e);
        } catch (IOException e) {
          status = 0;
          cause = e;
          failure = node.url() + ": " + (e instanceof SSLException ? "TLS: " : "") + e;
        }
        if (Thread.currentThread().isInterrupted()) {
          throw interrupted(method, path, failure, null);
        }
        if (i + 1 < nodes.size() && remainingMillis(begin) <= 0 && retryMillis > 0) {
          break;
        }
      }
      long wait = Math.min(backoffMaxMillis, Math.max(backoff, retryAfterMillis));
      wait = wait / 2 + ThreadLocalRandom.current().nextLong(wait / 2 + 1);
      long remaining = remainingMillis(begin);
      if (remaining <= wait) {
        String message =
            "%s %s: no answer after %d attempts in %d ms (limit %d ms, %s); last: %s. Check that the schema registry runs and that %s is right."
                .formatted(
                    method,
                    path,
                    attempts,
                    retryMillis - remaining,
                    retryMillis,
                    SchemaRegistryConfig.RETRY_TIMEOUT,
                    failure,
                    SchemaRegistryConfig.URL);
        throw cause == null
            ? new SchemaRegistryException(message, status, 0, true)
            : new SchemaRegistryException(message, true, cause);
      }
      LOG.debug("{} {}: {}; again in {} ms", method, path, failure, wait);
      try {
        pause.millis(wait);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw interrupted(method, path, failure, e);
      }
      backoff = Math.min(backoffMaxMillis, backoff * 2);
    }
  }

  private long remainingMillis(long begin) {
    return retryMillis - (nanoTime.getAsLong() - begin) / 1_000_000;
  }

  private Answer attempt(
      RegistryNode node, String method, String path, byte[] body, long remainingMillis)
      throws IOException {
    HttpURLConnection connection =
        (HttpURLConnection) URI.create(node.url() + path).toURL().openConnection();
    if (connection instanceof HttpsURLConnection https) {
      https.setSSLSocketFactory(sockets());
    }
    connection.setConnectTimeout(bounded(connectMillis, remainingMillis));
    connection.setReadTimeout(bounded(readMillis, remainingMillis));
    connection.setUseCaches(false);
    // A redirect would carry the credentials to whoever it names.
    connection.setInstanceFollowRedirects(false);
    connection.setRequestMethod(method);
    connection.setRequestProperty("Accept", CONTENT_TYPE + ", application/json");
    if (node.authorization() != null) {
      connection.setRequestProperty("Authorization", node.authorization());
    }
    if (body != null) {
      connection.setRequestProperty("Content-Type", CONTENT_TYPE);
      connection.setDoOutput(true);
      try (OutputStream out = connection.getOutputStream()) {
        out.write(body);
      }
    }
    int status = connection.getResponseCode();
    if (status < 0) {
      connection.disconnect();
      throw new IOException("the answer is not HTTP");
    }
    return new Answer(node.url(), status, content(connection, status), retryAfter(connection));
  }

  /** The answer's body, read to its end so that the connection can be used again. */
  private static byte[] content(HttpURLConnection connection, int status) throws IOException {
    try (InputStream in =
        status >= 400 ? connection.getErrorStream() : connection.getInputStream()) {
      if (in == null) {
        return new byte[0];
      }
      byte[] content = in.readNBytes(MAX_ANSWER_BYTES + 1);
      if (content.length > MAX_ANSWER_BYTES) {
        connection.disconnect();
        throw new IOException("the answer is larger than " + MAX_ANSWER_BYTES + " bytes");
      }
      return content;
    }
  }

  private static long retryAfter(HttpURLConnection connection) {
    // The form with a date is rare and ours is a pause of seconds at most.
    long seconds = connection.getHeaderFieldLong("Retry-After", 0);
    return Math.clamp(seconds, 0L, 3_600L) * 1_000L;
  }

  /**
   * A timeout of at most what remains; once nothing does, a last attempt still gets its own time.
   */
  private int bounded(int millis, long remainingMillis) {
    return retryMillis == 0 ? millis : Math.clamp(remainingMillis, 1, millis);
  }

  private SSLSocketFactory sockets() {
    SSLSocketFactory open = sockets;
    if (open == null) {
      // Two threads may open it twice; connections are pooled per factory, so the first one stays.
      synchronized (this) {
        open = sockets;
        if (open == null) {
          open = RegistryTrust.open(config);
          sockets = open;
        }
      }
    }
    return open;
  }

  private static SchemaRegistryException interrupted(
      String method, String path, String failure, InterruptedException cause) {
    return new SchemaRegistryException(
        method + " " + path + ": interrupted while trying again; last: " + failure, true, cause);
  }
}
