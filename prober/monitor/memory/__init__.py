"""What outlives the process: states, references and transitions in a file, written in a thread of its own."""
