import Glibc
import Runtime

exit(RuntimeCommand.main(CommandLine.arguments))
