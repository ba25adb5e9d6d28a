/** The command line of the streams jobs: runs them, creates topics, prints topics as JSON lines. */
package auditbus.streams;
