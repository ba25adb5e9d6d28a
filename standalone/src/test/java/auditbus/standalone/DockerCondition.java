// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.testcontainers.DockerClientFactory;

/**
 * Skips a test where no Docker answers, and says so in the build's output; with {@code
 * AUDITBUS_REQUIRE_DOCKER=true} (environment) it fails instead.
 */
final class DockerCondition implements ExecutionCondition {
  private static final String REQUIRE = "AUDITBUS_REQUIRE_DOCKER";

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    if (DockerClientFactory.instance().isDockerAvailable()) {
      return ConditionEvaluationResult.enabled("Docker answers");
    }
    String message =
        context.getDisplayName()
            + " is skipped: no Docker answers here. EmbeddedEndToEndIT runs the same on the embedded"
            + " broker; "
            + REQUIRE
            + "=true makes this a failure.";
    if (Boolean.parseBoolean(System.getenv(REQUIRE))) {
      throw new IllegalStateException(message);
    }
    // A class that is skipped is a number in the build's output: the reason is to be seen there
    // too.
    System.out.println(message);
    return ConditionEvaluationResult.disabled(message);
  }
}
