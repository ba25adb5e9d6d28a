// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import auditbus.streams.job.Job;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("auditbus.streams");

  @Test
  void packages_haveNoCycles() {
    slices()
        .matching("auditbus.streams.(*)..")
        .should()
        .beFreeOfCycles()
        .because("a package can be understood from what it imports")
        .check(CLASSES);
  }

  @Test
  void jobs_importTheJobPackageAndTheContractOnly() {
    for (String job : new String[] {"gaps", "shutdown"}) {
      noClasses()
          .that()
          .resideInAPackage("auditbus.streams." + job)
          .should()
          .dependOnClassesThat(
              com.tngtech.archunit.base.DescribedPredicate.describe(
                  "are of auditbus, but not of schemas, streams.job or the job itself",
                  other ->
                      other.getPackageName().startsWith("auditbus.")
                          && !other.getPackageName().equals("auditbus.schemas")
                          && !other.getPackageName().equals("auditbus.streams.job")
                          && !other.getPackageName().equals("auditbus.streams." + job)))
          .because("a job is taken in or left out without touching another")
          .check(CLASSES);
    }
  }

  @Test
  void reports_knowTopicsAndNoJob() {
    noClasses()
        .that()
        .resideInAnyPackage("auditbus.streams.report", "auditbus.streams.lines")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "auditbus.streams.job", "auditbus.streams.gaps", "auditbus.streams.shutdown")
        .because("what a topic says can be read without what wrote it")
        .check(CLASSES);
    noClasses()
        .that()
        .resideInAPackage("auditbus.streams.lines")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("auditbus.streams.report")
        .because("reading a topic knows no table")
        .check(CLASSES);
  }

  @Test
  void nobody_importsThePackageThatAssembles() {
    noClasses()
        .that()
        .resideOutsideOfPackage("auditbus.streams")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("auditbus.streams")
        .because("commands assemble jobs, jobs know no commands")
        .check(CLASSES);
  }

  @Test
  void jobPackages_haveOneDoor() {
    classes()
        .that()
        .resideInAnyPackage("auditbus.streams.gaps", "auditbus.streams.shutdown")
        .and()
        .arePublic()
        .and()
        .areTopLevelClasses()
        .should()
        .implement(Job.class)
        .because("what stands behind a job is its own")
        .check(CLASSES);
  }
}
