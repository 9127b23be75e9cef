# A program from C sources, compiled anew where they or their headers changed.
#   make -f tests/native/objects.mk OUT=build/native/host CC=gcc FLAGS='...' SOURCES='...'
# Asserts live; the flags that the results depend on are those of setup.py.
FLAGS_ALL := -g1 -std=c11 -Wall -Wextra -Werror -ffp-contract=off -fno-math-errno $(FLAGS)
OBJECTS   := $(SOURCES:%.c=$(OUT)/%.o)

$(OUT)/program: $(OBJECTS)
	$(CC) $(FLAGS_ALL) $(LINK) $^ -lm -pthread -o $@

$(OUT)/%.o: %.c tests/native/objects.mk tests/native/run tests/fuzz/run
	@mkdir -p $(@D)
	$(CC) $(FLAGS_ALL) -MMD -MP -c $< -o $@

-include $(OBJECTS:.o=.d)
