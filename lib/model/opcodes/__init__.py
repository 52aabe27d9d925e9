"""Every operation a job can hold, one module per noun; `registry` knows them all.

An opcode is a record: what is asked for, checked where it comes in.  What is done
about it is the business of the logical unit of the same name.
"""
