# Sourced by mvnw and auditbus: finds a JDK 25 and exports it as JAVA_HOME, or says what is missing.
# Order: AUDITBUS_JAVA_HOME, JAVA_HOME, the java on the PATH, the usual installation directories.

auditbus_jdk_feature() { # DIR: prints the feature release of the JDK in DIR, nothing if it is no JDK
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
  sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

auditbus_find_jdk() {
  wanted=25
  path_java=$(command -v javac 2>/dev/null) || path_java=
  [ -z "$path_java" ] || path_java=$(dirname "$(dirname "$(readlink -f "$path_java")")")
  set +f
  if [ -n "${AUDITBUS_JAVA_HOME:-}" ] && [ "$(auditbus_jdk_feature "$AUDITBUS_JAVA_HOME")" != "$wanted" ]; then
    echo "auditbus: AUDITBUS_JAVA_HOME=$AUDITBUS_JAVA_HOME is no JDK $wanted: looking elsewhere" >&2
  fi
  for candidate in "${AUDITBUS_JAVA_HOME:-}" "${JAVA_HOME:-}" "$path_java" \
      /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* \
      /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    [ -n "$candidate" ] && [ -d "$candidate" ] || continue
    if [ "$(auditbus_jdk_feature "$candidate")" = "$wanted" ]; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return 0
    fi
  done
  echo "auditbus: no JDK $wanted found (looked at AUDITBUS_JAVA_HOME, JAVA_HOME, the PATH and /usr/lib/jvm)." >&2
  echo "          Install one, e.g. 'apt-get install temurin-$wanted-jdk' or 'openjdk-$wanted-jdk-headless'," >&2
  echo "          or name it: AUDITBUS_JAVA_HOME=/path/to/jdk-$wanted" >&2
  return 1
}
