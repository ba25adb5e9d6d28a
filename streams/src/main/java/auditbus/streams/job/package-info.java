/** What a streams job is, what it is configured by, and what runs it. */
package auditbus.streams.job;
