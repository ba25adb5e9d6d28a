// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.util.Objects;

/** The version the worker shows, from the jar's manifest. */
final class Version {
  static final String CURRENT =
      Objects.requireNonNullElse(
          Version.class.getPackage().getImplementationVersion(), "development");

  private Version() {}
}
