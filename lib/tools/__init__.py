"""Programs for administrators; each module's main(argv) is one."""
