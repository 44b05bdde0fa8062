"""The vendor's own lists become entries: spreadsheets, Microsoft 365's JSON, TestCloudConnection's output, text."""
