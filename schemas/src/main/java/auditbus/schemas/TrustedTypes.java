// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import org.apache.avro.Conversion;
import org.apache.avro.specific.SpecificRecord;
import org.apache.avro.util.ClassSecurityValidator;

/**
 * Tells Avro that the generated classes of this package, and no others, may be made from a schema's
 * names.
 *
 * <p>Avro 1.12 refuses every class it was not told of, even where a generated builder fills in a
 * default. Its ways to tell are a system property, which each JVM that has auditbus on its class
 * path would need, and a call that must come before any other use. Avro loads its conversions by
 * service loader whenever it makes a data model, before it looks at the first class: so this calls
 * itself a conversion, of a logical type nobody has. It is public for the service loader only.
 */
public final class TrustedTypes extends Conversion<TrustedTypes> {
  static {
    ClassSecurityValidator.setGlobal(
        ClassSecurityValidator.composite(ClassSecurityValidator.getGlobal(), TrustedTypes::isOurs));
  }

  /** For the service loader. */
  public TrustedTypes() {}

  private static boolean isOurs(Class<?> type) {
    return type.getPackageName().equals("auditbus.schemas")
        && (type.isEnum() || SpecificRecord.class.isAssignableFrom(type));
  }

  @Override
  public Class<TrustedTypes> getConvertedType() {
    return TrustedTypes.class;
  }

  @Override
  public String getLogicalTypeName() {
    return "auditbus-trusted-types";
  }
}
