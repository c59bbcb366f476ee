# The conformance tests stand in the system tests' sandbox, with peers in it.
source "$BATS_TEST_DIRNAME/../system/helper.bash"
