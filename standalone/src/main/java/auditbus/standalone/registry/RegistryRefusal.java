// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

/** An answer of the API that is no success: HTTP status, Confluent's error code and its words. */
final class RegistryRefusal extends Exception {
  private static final long serialVersionUID = 1;

  private final int status;
  private final int errorCode;

  private RegistryRefusal(int status, int errorCode, String message) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
  }

  static RegistryRefusal subjectNotFound(String subject) {
    return new RegistryRefusal(404, 40401, "Subject '" + subject + "' not found.");
  }

  static RegistryRefusal versionNotFound(String version) {
    return new RegistryRefusal(404, 40402, "Version " + version + " not found.");
  }

  static RegistryRefusal schemaNotFound(String what) {
    return new RegistryRefusal(404, 40403, "Schema " + what + " not found");
  }

  static RegistryRefusal noSubjectCompatibility(String subject) {
    return new RegistryRefusal(
        404,
        40408,
        "Subject '" + subject + "' does not have subject-level compatibility configured");
  }

  static RegistryRefusal noEndpoint(String method, String path) {
    return new RegistryRefusal(
        404, 404, "HTTP 404 Not Found: there is no " + method + " " + path + " in this registry");
  }

  static RegistryRefusal methodNotAllowed(String method, String path) {
    return new RegistryRefusal(405, 405, "HTTP 405 Method Not Allowed: " + method + " " + path);
  }

  static RegistryRefusal badRequest(String why) {
    return new RegistryRefusal(400, 400, why);
  }

  static RegistryRefusal incompatible(String why) {
    return new RegistryRefusal(409, 409, why);
  }

  static RegistryRefusal tooLarge(int limit) {
    return new RegistryRefusal(413, 413, "the request's body is larger than " + limit + " bytes");
  }

  static RegistryRefusal invalidSchema(String why) {
    return new RegistryRefusal(422, 42201, "Invalid schema: " + why);
  }

  static RegistryRefusal invalidVersion(String version) {
    return new RegistryRefusal(
        422,
        42202,
        "The specified version '"
            + version
            + "' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"");
  }

  static RegistryRefusal invalidCompatibility(String level) {
    return new RegistryRefusal(
        422,
        42203,
        "Invalid compatibility level: "
            + level
            + ". Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive");
  }

  static RegistryRefusal store(String why) {
    return new RegistryRefusal(500, 50001, "Error in the backend data store: " + why);
  }

  static RegistryRefusal storeTimeout(String why) {
    return new RegistryRefusal(500, 50002, "Operation timed out: " + why);
  }

  int status() {
    return status;
  }

  int errorCode() {
    return errorCode;
  }
}
