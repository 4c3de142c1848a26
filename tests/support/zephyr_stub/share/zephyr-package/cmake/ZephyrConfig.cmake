# What find_package(Zephyr) loads: see README.md.
get_filename_component(STUB_BASE ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
set(Zephyr_FOUND TRUE)

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
project(Zephyr-Kernel LANGUAGES C)

execute_process(
  COMMAND ${STUB_PYTHON} ${STUB_BASE}/scripts/configure.py ${CMAKE_BINARY_DIR} "${ZEPHYR_EXTRA_MODULES}"
          ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf ${EXTRA_CONF_FILE}
  COMMAND_ERROR_IS_FATAL ANY)
include(${CMAKE_BINARY_DIR}/config.cmake)

include(${STUB_BASE}/cmake/extensions.cmake)

# What every source of the program is compiled with; options of a library come behind these.
add_library(zephyr_interface INTERFACE)
target_include_directories(zephyr_interface INTERFACE ${STUB_BASE}/include)
target_compile_options(zephyr_interface INTERFACE
  ${STUB_FLAGS} -std=c17 -Os -Wall -Wextra -Werror -ffunction-sections -fdata-sections
  -imacros ${CMAKE_BINARY_DIR}/autoconf.h)

add_library(app STATIC)
target_link_libraries(app PRIVATE zephyr_interface)
set_property(GLOBAL PROPERTY STUB_LIBRARIES app)

foreach(folder name IN ZIP_LISTS ZEPHYR_EXTRA_MODULES STUB_MODULE_NAMES)
  set(ZEPHYR_CURRENT_MODULE_DIR ${folder})
  add_subdirectory(${folder}/zephyr ${CMAKE_BINARY_DIR}/modules/${name})
endforeach()

# Runs when the application has said all about its target.
function(stub_link)
  get_property(libraries GLOBAL PROPERTY STUB_LIBRARIES)
  add_executable(zephyr_final ${STUB_SOURCES})
  set_target_properties(zephyr_final PROPERTIES OUTPUT_NAME zephyr.elf LINK_DEPENDS ${STUB_LINKER_SCRIPT})
  target_include_directories(zephyr_final PRIVATE ${STUB_INCLUDES})
  target_compile_options(zephyr_final PRIVATE ${STUB_FLAGS} -O2)
  target_link_libraries(zephyr_final PRIVATE
    -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive
    ${STUB_FLAGS} -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings -T ${STUB_LINKER_SCRIPT} m c gcc)
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL stub_link)
