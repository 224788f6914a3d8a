#!/usr/bin/python3
"""Holds what our code calls against what torture makes fail. Usage: calls.py NM NAME,... ARCHIVE...

NAME are the calls that the wraps replace, ARCHIVE the rooms' static libraries. Every other call out of them has a row
here that says why it is not made to fail. A call without a row is a fault, and so is a row that nothing needs.
"""
import re
import subprocess
import sys

# Cannot fail, by its standard or its library's word; or its failure is not told (and then nothing can be done).
NEVER = r"""__\w+ _exit abort alphasort64 clock_gettime clock_nanosleep close closedir fclose free getenv getrusage gai_strerror freeaddrinfo
    mem\w+ str\w+ qsort signal sig\w+ sysconf stdout
    (v?f?|v?sn)printf fputc fwrite
    crypto_generichash_\w+ crypto_hash_sha256 crypto_shorthash crypto_pwhash_str_needs_rehash randombytes_buf
    sodium_\w+
    json_(array_get|array_size|delete|integer_value|object_\w+|string_length|string_value)
    PQ(backendPID|clear|cmdTuples|conninfoFree|errorMessage|finish|freemem|isBusy|ntuples|status|socket)
    PQ(get(isnull|length|value)|result\w+|setNoticeReceiver|transactionStatus)
    jwt_free jwt_get_alg yaml_event_delete yaml_parser_delete yaml_parser_set_input_file
    redisReaderFree freeReplyObject
    pthread_(attr|mutex|cond|rwlock|sigmask|join|detach|once)\w*"""

# Tells no failure apart: a password does not fit, a figure of /proc is left out of a page, the heap keeps what it has.
NO_DIFFERENCE = "crypto_pwhash_str_verify fgets fread malloc_trim mallopt readdir64"

# h2o ends the process when it finds no memory; its sockets fail when the peer goes, which the flow tests let it do.
H2O = r"h2o_\w+"

# librdkafka has these fail for no other reason than its caller's: headers that are read-only, a place behind the last
# one, an event of another kind. Without memory it ends the process, so what makes a list, a queue or headers has no
# failure to tell, nor has what frees or is void. Headers that cannot be read make a record without any: the unit tests
# refuse it.
RDKAFKA = r"""rd_kafka_(conf_new|conf_destroy|conf_set_\w+|fatal_error|err2(str|name)|error_\w+|outq_len)
    rd_kafka_(poll|destroy_flags|topic_(name|destroy)|metadata_destroy|msg_partitioner_murmur2_random)
    rd_kafka_(headers_(new|destroy)|header_(add|cnt|get_all)|message_(headers|status|timestamp|errstr))
    rd_kafka_(topic_partition_list_\w+|assignment_lost|queue_(new|destroy|get_main|io_event_enable)|event_destroy)
    rd_kafka_event_(error_string|\w+_result) rd_kafka_(DescribeConfigs|CreateTopics|AlterConfigs)(_result_\w+)?
    rd_kafka_(topic_result|ConfigResource)_error_string rd_kafka_(AdminOptions|NewTopic|ConfigResource)_destroy
    rd_kafka_Config(Resource_configs|Entry_\w+)"""

ROWS = [row for rows in (NEVER, NO_DIFFERENCE, H2O, RDKAFKA) for row in rows.split()]

# What compilers and sanitizers put in.
INSERTED = re.compile(r"__(asan|ubsan|sanitizer|gcov|llvm|lsan|odr)\w*|_GLOBAL_OFFSET_TABLE_|_DYNAMIC")


def symbols(nm, archives):
    """Names that the archives call and don't have, and names that they have."""
    called, own = set(), set()
    listing = subprocess.run([nm, *archives], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in "Uw":
            called.add(words[1])
        elif len(words) == 3 and words[1] in "TDBRCVWG":
            own.add(words[2])
    return called - own, own


def main():
    nm, wrapped, *archives = sys.argv[1:]
    wrapped = set(wrapped.split(","))
    called, own = symbols(nm, archives)
    called = {name for name in called if not INSERTED.fullmatch(name)}
    faults = [f"{name} is called, and neither replaced by tests/torture/wraps_*.c nor in a row of calls.py"
              for name in sorted(called - wrapped) if not any(re.fullmatch(row, name) for row in ROWS)]
    faults += [f"{name} is replaced, and nobody calls it" for name in sorted(wrapped - called - own)]
    faults += [f"nothing needs the row {row}" for row in ROWS
               if not row.startswith("__") and not any(re.fullmatch(row, name) for name in called)]
    print("1..1")
    print("not ok" if faults else "ok", "1 - every call that can fail is made to fail, or a row says why not")
    for fault in faults:
        print("#", fault)
    print(f"# {len(wrapped)} functions are replaced, {len(called & wrapped)} of them the libraries'")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
