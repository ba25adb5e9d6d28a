// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.apache.avro.specific.AvroGenerated;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("auditbus");

  @Test
  void schemas_dependOnNoOtherModule() {
    classes()
        .should()
        .resideInAPackage("auditbus.schemas")
        .because("everybody depends on the contract, and the contract on nobody")
        .check(CLASSES);
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "auditbus.agent..", "auditbus.streams..", "auditbus.sinks..", "auditbus.standalone..")
        .because("everybody depends on the contract, and the contract on nobody")
        .check(CLASSES);
  }

  @Test
  void httpClient_isTheLightOne() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.net.http..")
        .because("it costs an agent's start 170 ms and 12 MB")
        .check(CLASSES);
  }

  @Test
  void classes_areFinalUnlessGenerated() {
    classes()
        .that()
        .areNotAnnotatedWith(AvroGenerated.class)
        .and()
        .areTopLevelClasses()
        .and()
        .areNotInterfaces()
        .should()
        .haveModifier(com.tngtech.archunit.core.domain.JavaModifier.FINAL)
        .because("nothing here is made to be extended")
        .check(CLASSES);
  }
}
