// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

class RequiredToolsTest {
  private static final String REQUIRE = "AUDITBUS_REQUIRE_TOOLS";

  private String before;

  @BeforeEach
  void remember() {
    before = System.getProperty(REQUIRE);
  }

  @AfterEach
  void restore() {
    if (before == null) {
      System.clearProperty(REQUIRE);
    } else {
      System.setProperty(REQUIRE, before);
    }
  }

  @Test
  void missingTool_skipsTheTestAndNamesItsPackage() {
    System.setProperty(REQUIRE, "false");
    assertThatThrownBy(() -> RequiredTools.path("no-such-program"))
        .isInstanceOf(TestAbortedException.class)
        .hasMessageContaining("Debian package no-such-program");
  }

  @Test
  void missingTool_failsTheTestWhereToolsAreRequired() {
    System.setProperty(REQUIRE, "true");
    assertThatThrownBy(() -> RequiredTools.path("no-such-program"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no-such-program is not installed");
  }

  @Test
  void tool_isFoundInThePath() {
    assertThat(RequiredTools.path("sh")).isExecutable();
  }
}
