// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;

/**
 * Settings whose secrets stand elsewhere: {@code ${file:/path:key}}, {@code ${dir:/path:file}},
 * {@code ${env:NAME}}, as Kafka's own configuration providers know them, in any value.
 *
 * <p>{@code config.providers} names them, {@code config.providers.NAME.class} and {@code
 * config.providers.NAME.param.*} say what they are, with Kafka's meaning.
 *
 * <p>Design note: Kafka's clients do the same with what they are given. It is done here for all
 * settings at once, so that those which are no client's (the registry's) have it too, and so that a
 * variable without a value is an error and not a password.
 */
public final class ProvidedSettings {
  private static final String PROVIDERS = AbstractConfig.CONFIG_PROVIDERS_CONFIG;
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([^}:]+):[^}]*}");

  private ProvidedSettings() {}

  /**
   * The settings with every variable replaced, without those of the providers.
   *
   * @param given as they stand in the file; not changed
   * @throws ConfigException naming key and variable, never a value, where one has no value
   */
  public static Map<String, String> resolve(Map<String, String> given) {
    Map<String, String> resolved = new TreeMap<>();
    values(given)
        .forEach(
            (key, value) -> {
              if (!key.equals(PROVIDERS) && !key.startsWith(PROVIDERS + ".")) {
                refuseUnresolved(key, given.getOrDefault(key, ""), (String) value);
                resolved.put(key, (String) value);
              }
            });
    return resolved;
  }

  private static Map<String, Object> values(Map<String, String> given) {
    if (!given.containsKey(PROVIDERS)) {
      return new HashMap<>(given);
    }
    try {
      return new AbstractConfig(new ConfigDef(), given, false).originals();
    } catch (ConfigException e) {
      throw new ConfigException(
          e.getMessage() + ": check " + PROVIDERS + ".* and the ${...} of the settings");
    }
  }

  private static void refuseUnresolved(String key, String raw, String value) {
    Matcher variable = VARIABLE.matcher(raw);
    while (variable.find()) {
      if (value.contains(variable.group())) {
        throw new ConfigException(
            key
                + ": "
                + variable.group()
                + " has no value: check that "
                + PROVIDERS
                + " names '"
                + variable.group(1)
                + "' and that what it points to is there");
      }
    }
  }
}
